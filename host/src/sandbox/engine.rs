//! Compiles components and keeps the clock that stops guests. One engine serves
//! a whole process and holds nothing of any tenant.

use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use wasmtime::component::{Component, Linker};

use super::bindings::ConnectorPre;
use super::cache::{Cache, hex};
use super::connectors::Connectors;
use super::egress::client::Network;
use super::error::SandboxError;
use super::imports;
use super::state::State;

/// Interval at which guests are interrupted to check the deadline. A guest is
/// stopped within about two of them.
const TICK: Duration = Duration::from_millis(10);

/// Size limit of a component. Compiling takes time and memory in proportion to
/// it, which no deadline bounds.
const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// First bytes of every WebAssembly file.
const WASM_MAGIC: &[u8] = b"\0asm";

/// Options of an [`Engine`].
#[derive(Clone, Default)]
pub struct EngineOptions {
    cache: Option<PathBuf>,
    drivers: Vec<PathBuf>,
    network: Network,
    runtime: Option<Handle>,
}

/// A component: the path of a file, or the bytes of one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ComponentSource {
    /// Path of a file.
    Path(PathBuf),
    /// Bytes of a file.
    Bytes(Vec<u8>),
}

/// An engine that could not be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// WebAssembly cannot run on this machine.
    #[error("WebAssembly cannot run on this machine")]
    Unsupported(#[source] Box<dyn Error + Send + Sync>),
    /// The thread that stops guests could not be started.
    #[error("the thread that stops guests could not be started")]
    Clock(#[source] io::Error),
}

/// Compiles and runs components. Clones share everything.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    wasmtime: wasmtime::Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    connectors: Connectors<Loaded>,
    drivers: Vec<PathBuf>,
    network: Network,
    runtime: Option<Handle>,
}

/// A compiled and validated component, from which any number of pipelines can
/// run. Clones share everything.
#[derive(Clone)]
pub struct Connector {
    pub(super) engine: Engine,
    loaded: Arc<Loaded>,
}

/// The part of a connector that the engine keeps for the next pipeline.
struct Loaded {
    pre: ConnectorPre<State>,
    digest: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl EngineOptions {
    /// Sets the folder in which compiled components are cached. By default, they
    /// are cached in memory only.
    #[must_use]
    pub fn cache(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cache = Some(folder.into());
        self
    }

    /// Adds a file or a folder to search for drivers of destinations. By default,
    /// the folder of the executable is searched.
    #[must_use]
    pub fn driver(mut self, path: impl Into<PathBuf>) -> Self {
        self.drivers.push(path.into());
        self
    }

    /// Sets the resolver and the certificate authorities of all connectors. By
    /// default, those of the operating system are used.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the runtime for connections, timers and blocking work. By default,
    /// the runtime that polls the future of a pipeline is used.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }
}

impl From<PathBuf> for ComponentSource {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for ComponentSource {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<&str> for ComponentSource {
    fn from(path: &str) -> Self {
        Self::Path(path.into())
    }
}

impl From<Vec<u8>> for ComponentSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for ComponentSource {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_owned())
    }
}

impl Engine {
    /// Creates an engine and starts the thread that stops its guests.
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let unsupported = |error: wasmtime::Error| EngineError::Unsupported(error.into());
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        // Backtraces of guests help only their authors, and cost memory.
        config.wasm_backtrace_max_frames(None);
        let wasmtime = wasmtime::Engine::new(&config).map_err(unsupported)?;
        let linker = imports::linker(&wasmtime).map_err(unsupported)?;
        let cache = options.cache.as_deref().and_then(Cache::open);
        start_clock(&wasmtime).map_err(EngineError::Clock)?;
        Ok(Self(Arc::new(EngineInner {
            wasmtime,
            linker,
            cache,
            connectors: Connectors::default(),
            drivers: options.drivers,
            network: options.network,
            runtime: options.runtime,
        })))
    }

    /// Loads a connector, from memory if the engine has already compiled the
    /// same bytes. A component whose SHA-256 differs from `pinned` (hex) is
    /// refused before anything else is done with it.
    ///
    /// Blocks while it reads and compiles.
    pub fn connector(
        &self,
        component: impl Into<ComponentSource>,
        pinned: Option<&str>,
    ) -> Result<Connector, SandboxError> {
        let (path, bytes) = read(component.into())?;
        let digest = hex(&Sha256::digest(&bytes));
        let name = path.unwrap_or_else(|| format!("sha256:{digest}"));
        if bytes.len() as u64 > MAX_COMPONENT_BYTES {
            return Err(SandboxError::NotAComponent {
                component: name,
                reason: format!("it is larger than {} MiB", MAX_COMPONENT_BYTES >> 20),
            });
        }
        if pinned.is_some_and(|pinned| !pinned.eq_ignore_ascii_case(&digest)) {
            return Err(SandboxError::Digest {
                component: name,
                actual: digest,
            });
        }
        let load = || self.load(&name, &bytes, &digest);
        let loaded = self.0.connectors.get_or_load(&digest, load)?;
        Ok(Connector {
            engine: self.clone(),
            loaded,
        })
    }

    /// Returns the files and folders to search for drivers of destinations.
    pub(crate) fn drivers(&self) -> &[PathBuf] {
        &self.0.drivers
    }

    /// Runs a future in the context of the engine's runtime.
    pub(crate) async fn within_runtime<T>(&self, future: impl Future<Output = T>) -> T {
        // On the heap, because the future of a load is large.
        let mut future = Box::pin(future);
        std::future::poll_fn(|cx| {
            let _entered = self.0.runtime.as_ref().map(Handle::enter);
            future.as_mut().poll(cx)
        })
        .await
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    pub(super) fn network(&self) -> &Network {
        &self.0.network
    }

    fn load(&self, name: &str, bytes: &[u8], digest: &str) -> Result<Loaded, SandboxError> {
        let component = self.compile(name, bytes, digest)?;
        imports::check(name, &component)?;
        let invalid = |error: wasmtime::Error| SandboxError::NotAComponent {
            component: name.to_owned(),
            reason: format!("{error:#}"),
        };
        let pre = self.0.linker.instantiate_pre(&component).map_err(invalid)?;
        let pre = ConnectorPre::new(pre).map_err(invalid)?;
        Ok(Loaded {
            pre,
            digest: digest.to_owned(),
            imports: imports::imports(&component),
            exports: imports::exports(&component),
        })
    }

    fn compile(&self, name: &str, bytes: &[u8], digest: &str) -> Result<Component, SandboxError> {
        let cached = self
            .0
            .cache
            .as_ref()
            .and_then(|cache| cache.load(&self.0.wasmtime, digest));
        if let Some(component) = cached {
            return Ok(component);
        }
        let started = std::time::Instant::now();
        if !bytes.starts_with(WASM_MAGIC) {
            return Err(SandboxError::NotAComponent {
                component: name.to_owned(),
                reason: "it is not WebAssembly".to_owned(),
            });
        }
        let component = Component::new(&self.0.wasmtime, bytes).map_err(|error| {
            SandboxError::NotAComponent {
                component: name.to_owned(),
                reason: format!("{error:#}"),
            }
        })?;
        tracing::debug!(component = name, elapsed = ?started.elapsed(), "compiled");
        if let Some(cache) = &self.0.cache {
            cache.store(&self.0.wasmtime, digest, &component);
        }
        Ok(component)
    }
}

impl Connector {
    /// Returns the SHA-256 of the component, in lower-case hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.loaded.digest
    }

    /// Returns the names of the interfaces that the component imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.loaded.imports
    }

    /// Returns the names of the interfaces that the component exports.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.loaded.exports
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn pre(&self) -> &ConnectorPre<State> {
        &self.loaded.pre
    }
}

/// Returns the path of a component, if it has one, and its bytes, of which at
/// most one more than allowed are read.
fn read(component: ComponentSource) -> Result<(Option<String>, Vec<u8>), SandboxError> {
    let path = match component {
        ComponentSource::Path(path) => path,
        ComponentSource::Bytes(bytes) => return Ok((None, bytes)),
    };
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_COMPONENT_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| SandboxError::Unreadable {
            component: name.clone(),
            source,
        })?;
    Ok((Some(name), bytes))
}

/// Starts a thread that increments the epoch until the engine is dropped.
fn start_clock(engine: &wasmtime::Engine) -> io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new()
        .name("guest-clock".to_owned())
        .spawn(tick)?;
    Ok(())
}
