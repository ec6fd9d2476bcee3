//! Files that are not a component, or not a complete one.

use connector_host::testing::Grants;
use connector_host::{Engine, SandboxError};

use super::{engine, files, refused};
use crate::forged::{self, Forged, ZEROS};
use crate::world;

#[test]
fn a_core_module_is_refused() {
    let file = forged::file(&wat::parse_str("(module)").unwrap());
    assert!(
        not_a_component(refused(engine(None).connector(&*file, None))).contains("module"),
        "the reason says that it is a module"
    );
}

#[test]
fn an_empty_file_is_refused() {
    let file = forged::file(&[]);
    not_a_component(refused(engine(None).connector(&*file, None)));
}

#[test]
fn a_component_in_its_text_format_is_refused() {
    let file = forged::file(b"(component)");
    not_a_component(refused(engine(None).connector(&*file, None)));
}

#[test]
fn a_missing_file_and_a_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("none")] {
        let error = refused(engine(None).connector(path, None));
        assert!(
            matches!(error, SandboxError::Unreadable { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn a_component_truncated_anywhere_is_refused() {
    let engine = engine(None);
    let whole = Forged::default().bytes();
    let mut taken = 0;
    for length in 0..whole.len() {
        // Between two sections it is valid, but not a connector.
        match engine.connector(&*forged::file(&whole[..length]), None) {
            Err(SandboxError::NotAComponent { .. } | SandboxError::Export { .. }) => {}
            Err(error) => panic!("{length} bytes are refused for another reason: {error:?}"),
            Ok(_) => taken += 1,
        }
    }
    // Without the last sections, which hold only names and the producer.
    assert!(taken <= 2, "{taken}");
}

#[test]
fn a_real_component_truncated_at_many_lengths_is_refused() {
    const LENGTHS: usize = 50;
    let engine = engine(None);
    let whole = std::fs::read(world::component()).unwrap();
    for part in 0..LENGTHS {
        let file = forged::file(&whole[..whole.len() * part / LENGTHS]);
        // Between two sections it is valid, but not a connector.
        match refused(engine.connector(&*file, None)) {
            SandboxError::NotAComponent { .. } | SandboxError::Export { .. } => {}
            error => panic!("refused for another reason: {error:?}"),
        }
    }
}

/// A changed component is refused, or it is another component with another
/// digest. It never causes a panic.
#[tokio::test]
async fn a_component_with_a_flipped_bit_causes_no_panic() {
    let engine = engine(None);
    let whole = Forged {
        describe: ZEROS,
        ..Forged::default()
    }
    .bytes();
    let mut taken = 0;
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        taken += usize::from(runs(&engine, &bytes).await);
    }
    // Names in custom sections may change without an effect.
    assert!(taken < whole.len() / 2, "{taken} of {}", whole.len());
}

/// Returns true if a component is accepted and describes itself.
async fn runs(engine: &Engine, bytes: &[u8]) -> bool {
    match engine.connector(&*forged::file(bytes), None) {
        Err(
            SandboxError::NotAComponent { .. }
            | SandboxError::Import { .. }
            | SandboxError::Export { .. },
        ) => false,
        Err(error) => panic!("refused for another reason: {error:?}"),
        Ok(connector) => match connector.instantiate(Grants::default()).await {
            Ok(mut instance) => instance.describe().await.is_ok(),
            Err(_) => false,
        },
    }
}

#[test]
fn machine_code_offered_as_a_component_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("components");
    let engine = engine(Some(&cache));
    engine.connector(&*Forged::default().file(), None).unwrap();
    let artefacts = files(&cache);
    assert_eq!(artefacts.len(), 1);
    not_a_component(refused(engine.connector(&*artefacts[0], None)));
    // The name of the file makes no difference.
    let renamed = forged::file(&std::fs::read(&artefacts[0]).unwrap());
    not_a_component(refused(engine.connector(&*renamed, None)));
    assert_eq!(files(&cache).len(), 1);
}

#[track_caller]
fn not_a_component(error: SandboxError) -> String {
    match error {
        SandboxError::NotAComponent { reason, .. } => reason,
        other => panic!("refused for another reason: {other:?}"),
    }
}
