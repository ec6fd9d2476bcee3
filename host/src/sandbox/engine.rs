//! Compiles components and keeps the clock that stops them. One engine serves
//! a whole process: it holds nothing of any tenant.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, Linker};

use super::bindings::ConnectorPre;
use super::cache::{Cache, hex};
use super::egress::client::Network;
use super::error::SandboxError;
use super::imports;
use super::state::State;

/// How often guests are interrupted to look at the clock. A guest is stopped
/// within about two of these.
const TICK: Duration = Duration::from_millis(10);

/// The largest component. To compile one takes time and memory in proportion,
/// and no deadline bounds them.
const MOST_BYTES: u64 = 64 << 20;

/// How every WebAssembly file begins.
const WASM_MAGIC: &[u8] = b"\0asm";

/// How an engine is made.
#[derive(Clone, Default)]
pub struct EngineOptions {
    /// Where compiled components are kept; nowhere by default.
    pub cache: Option<PathBuf>,
    /// How connectors reach the network.
    pub network: Network,
}

/// Compiles and runs components. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    wasmtime: wasmtime::Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    network: Network,
}

/// A component that was compiled and judged, ready to be instantiated any
/// number of times.
#[derive(Clone)]
pub struct Connector {
    pub(super) engine: Engine,
    pub(super) pre: ConnectorPre<State>,
    digest: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Engine {
    /// An engine. Fails only where wasmtime does not run.
    pub fn new(options: EngineOptions) -> anyhow::Result<Self> {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        // Backtraces of guests help their authors only, and cost memory.
        config.wasm_backtrace_max_frames(None);
        let wasmtime = wasmtime::Engine::new(&config)?;
        let linker = imports::linker(&wasmtime)?;
        let cache = options.cache.as_deref().and_then(Cache::open);
        start_clock(&wasmtime)?;
        Ok(Self(Arc::new(Inner {
            wasmtime,
            linker,
            cache,
            network: options.network,
        })))
    }

    /// Reads, judges and compiles a component. With `pinned`, a file of
    /// another digest is refused before anything else is done with it.
    pub fn load(&self, path: &Path, pinned: Option<&str>) -> Result<Connector, SandboxError> {
        let name = path.display().to_string();
        let bytes = read(path).map_err(|source| SandboxError::Unreadable {
            component: name.clone(),
            source,
        })?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(SandboxError::NotAComponent {
                component: name,
                reason: format!("it is larger than {} MiB", MOST_BYTES >> 20),
            });
        }
        let digest = hex(&Sha256::digest(&bytes));
        if pinned.is_some_and(|pinned| !pinned.eq_ignore_ascii_case(&digest)) {
            return Err(SandboxError::Digest {
                component: name,
                actual: digest,
            });
        }
        let component = self.compile(&name, &bytes, &digest)?;
        imports::check(&name, &component)?;
        let broken = |error: wasmtime::Error| SandboxError::NotAComponent {
            component: name.clone(),
            reason: format!("{error:#}"),
        };
        let pre = self.0.linker.instantiate_pre(&component).map_err(broken)?;
        let pre = ConnectorPre::new(pre).map_err(broken)?;
        Ok(Connector {
            engine: self.clone(),
            pre,
            digest,
            imports: imports::imports(&component),
            exports: imports::exports(&component),
        })
    }

    pub(super) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    pub(super) fn network(&self) -> &Network {
        &self.0.network
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
    /// SHA-256 of the file, in lower-case hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names of what it imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Names of what it exports.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.exports
    }
}

/// The bytes of a file, but hardly more than a component may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Ticks until the engine is gone.
fn start_clock(engine: &wasmtime::Engine) -> anyhow::Result<()> {
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
