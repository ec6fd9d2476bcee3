//! Compiled components on disk, so that only the first run of a component
//! pays for its compilation.
//!
//! Loading machine code means trusting it. It is loaded only from a folder and
//! a file that belong to this user and that no other user can write. The name
//! of the file holds the component's digest, the version of wasmtime and the
//! settings of the engine. The folder is opened once and used through that
//! handle, so a changed path has no effect.

#[cfg_attr(not(unix), path = "cache/unsupported.rs")]
mod folder;

use std::hash::{Hash, Hasher};
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use self::folder::Folder;

/// A folder of compiled components.
#[derive(Debug)]
pub(super) struct Cache(Folder);

impl Cache {
    /// Opens or creates the folder. Returns `None` if other users can write to
    /// it; every run then compiles, which is slow but safe.
    pub(super) fn open(path: &Path) -> Option<Self> {
        Folder::open(path)
            .inspect_err(|error| {
                tracing::warn!(folder = %path.display(), %error, "compiled components are not cached");
            })
            .ok()
            .map(Self)
    }

    /// Returns the compiled form of a component if it is cached and loads.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let file = match self.0.file(&name(engine, digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, "a cached component was not used");
                return None;
            }
        };
        #[expect(
            unsafe_code,
            reason = "the only call that loads machine code, from a file that only this user can write"
        )]
        // SAFETY: the file was written by `store` below from what this engine
        // compiled. Its name holds the digest of the component and a hash of
        // the engine's version and settings. `Folder` has just checked that
        // only this user could have written the file or its folder.
        let component = unsafe { Component::deserialize_file(engine, file.path()) };
        component
            .inspect_err(|error| tracing::debug!(%error, "a cached component did not load"))
            .ok()
    }

    /// Stores the compiled form of a component. A failure only costs time.
    pub(super) fn store(&self, engine: &Engine, digest: &str, component: &Component) {
        let write = || {
            let bytes = component.serialize().map_err(io::Error::other)?;
            self.0.write(&name(engine, digest), &bytes)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "a compiled component could not be cached");
        }
    }
}

fn name(engine: &Engine, digest: &str) -> String {
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{}.cwasm", &hex(&hasher.0.finalize())[..16])
}

/// Formats a digest as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// Hasher that computes a cryptographic digest of the hashed values.
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
