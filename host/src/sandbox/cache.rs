//! Compiled components on disk, so that only the first run of a component
//! pays for its compilation.
//!
//! Machine code is trusted when it is loaded, so it is loaded only from a
//! folder that belongs to this user and that nobody else can write, and only
//! under a name made of the component's digest, the version of wasmtime and
//! the settings of the engine.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A folder of compiled components.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens or creates the folder. `None` when others could write to it:
    /// then every run compiles, which is slow but safe.
    pub(super) fn open(folder: &Path) -> Option<Self> {
        match prepare(folder) {
            Ok(()) => Some(Self {
                folder: folder.to_owned(),
            }),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "compiled components are not kept");
                None
            }
        }
    }

    /// The compiled form of a component, if it is there and loads.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(engine, digest);
        if !path.exists() {
            return None;
        }
        if let Err(error) = judge(&self.folder) {
            tracing::warn!(folder = %self.folder.display(), %error, "the folder of compiled components is not used");
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "the one place that loads machine code, from a folder that only this user can write"
        )]
        // SAFETY: the file was written by `store` below from what this engine
        // compiled: its name holds the digest of the component and a hash of
        // the engine's version and settings, and `judge` has just shown that
        // nobody but this user could have written it.
        let component = unsafe { Component::deserialize_file(engine, &path) };
        component
            .inspect_err(|error| tracing::debug!(%error, "a compiled component did not load"))
            .ok()
    }

    /// Keeps the compiled form of a component. A failure only costs time.
    pub(super) fn store(&self, engine: &Engine, digest: &str, component: &Component) {
        let write = || -> io::Result<()> {
            let bytes = component.serialize().map_err(io::Error::other)?;
            let path = self.path(engine, digest);
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            let mut file = create_private(&partial)?;
            file.write_all(&bytes)?;
            drop(file);
            fs::rename(&partial, &path)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "a compiled component could not be kept");
        }
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = Fingerprint(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!(
            "{digest}-{}.cwasm",
            &hex(&hasher.0.finalize())[..16]
        ))
    }
}

/// A digest as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Makes a cryptographic digest of what the engine hashes.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest
            .iter()
            .take(8)
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    }
}

#[cfg(unix)]
fn prepare(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => judge(folder),
    }
}

#[cfg(unix)]
fn judge(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::symlink_metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to somebody else"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others can write to it"));
    }
    Ok(())
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Elsewhere there is no check that would show who can write to a folder.
#[cfg(not(unix))]
fn prepare(_folder: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(not(unix))]
fn judge(_folder: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}
