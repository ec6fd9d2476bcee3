//! Attacks through the file of the component: another component than the pinned
//! one, or a file that is not a connector.

mod broken;
mod imports;
mod poison;

use std::fs;
use std::path::Path;

use connector_host::{Connector, Engine, EngineOptions, SandboxError};
use sha2::{Digest, Sha256};

use crate::forged::{self, Forged, ZEROS};

/// Creates an engine with a cache folder.
fn engine(cache: Option<&Path>) -> Engine {
    let options = EngineOptions::default();
    Engine::new(match cache {
        Some(folder) => options.cache(folder),
        None => options,
    })
    .unwrap()
}

/// Lists a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Returns the error of a refused component.
#[track_caller]
fn refused(result: Result<Connector, SandboxError>) -> SandboxError {
    match result {
        Err(error) => error,
        Ok(_) => panic!("the component was accepted"),
    }
}

#[test]
fn a_component_with_another_digest_is_refused_before_it_is_compiled() {
    let cache = tempfile::tempdir().unwrap();
    let engine = engine(Some(&cache.path().join("components")));
    let expected = Forged::default();
    let pin = digest(&expected.bytes());
    let other = Forged {
        describe: ZEROS,
        ..Forged::default()
    };
    assert_eq!(
        engine
            .connector(&*expected.file(), Some(&pin))
            .map(|it| it.digest().to_owned())
            .unwrap(),
        pin
    );
    let kept = files(&cache.path().join("components")).len();
    for bytes in [other.bytes(), b"not even WebAssembly".to_vec(), Vec::new()] {
        let file = forged::file(&bytes);
        match refused(engine.connector(&*file, Some(&pin))) {
            SandboxError::Digest { component, actual } => {
                assert_eq!(component, file.display().to_string());
                assert_eq!(actual, digest(&bytes));
            }
            error => panic!("refused for another reason: {error:?}"),
        }
    }
    assert_eq!(files(&cache.path().join("components")).len(), kept);
}

#[test]
fn an_invalid_digest_matches_no_component() {
    let file = Forged::default().file();
    let pin = digest(&Forged::default().bytes());
    for pin in ["", "0", &pin[..63], &format!("{pin}0"), &format!(" {pin}")] {
        let error = refused(engine(None).connector(&*file, Some(pin)));
        assert!(matches!(error, SandboxError::Digest { .. }), "{error:?}");
    }
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let digits: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[cfg(target_os = "linux")]
#[test]
fn an_endless_file_is_refused() {
    match refused(engine(None).connector(Path::new("/dev/zero"), None)) {
        SandboxError::NotAComponent { reason, .. } => {
            assert!(reason.contains("larger than"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}
