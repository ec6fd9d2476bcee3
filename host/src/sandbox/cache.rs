//! Compiled components on disk, so that only the first run of a component
//! pays for its compilation.
//!
//! Machine code is trusted when it is loaded, so it is loaded only from a
//! folder and a file that belong to this user and that nobody else can write,
//! and only under a name made of the component's digest, the version of
//! wasmtime and the settings of the engine. The folder is opened once: what is
//! judged is what is used, whatever its path comes to mean.

#[cfg_attr(not(unix), path = "cache/elsewhere.rs")]
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
    /// Opens or creates the folder. `None` when others could write to it:
    /// then every run compiles, which is slow but safe.
    pub(super) fn open(path: &Path) -> Option<Self> {
        Folder::open(path)
            .inspect_err(|error| {
                tracing::warn!(folder = %path.display(), %error, "compiled components are not kept");
            })
            .ok()
            .map(Self)
    }

    /// The compiled form of a component, if it is there and loads.
    pub(super) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let file = match self.0.file(&name(engine, digest)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, "a compiled component is not used");
                return None;
            }
        };
        #[expect(
            unsafe_code,
            reason = "the one place that loads machine code, from a file that only this user can write"
        )]
        // SAFETY: the file was written by `store` below from what this engine
        // compiled: its name holds the digest of the component and a hash of
        // the engine's version and settings, and `Folder` has just shown that
        // nobody but this user could have written it or its folder.
        let component = unsafe { Component::deserialize_file(engine, file.path()) };
        component
            .inspect_err(|error| tracing::debug!(%error, "a compiled component did not load"))
            .ok()
    }

    /// Keeps the compiled form of a component. A failure only costs time.
    pub(super) fn store(&self, engine: &Engine, digest: &str, component: &Component) {
        let write = || {
            let bytes = component.serialize().map_err(io::Error::other)?;
            self.0.write(&name(engine, digest), &bytes)
        };
        if let Err(error) = write() {
            tracing::debug!(%error, "a compiled component could not be kept");
        }
    }
}

fn name(engine: &Engine, digest: &str) -> String {
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{}.cwasm", &hex(&hasher.0.finalize())[..16])
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
