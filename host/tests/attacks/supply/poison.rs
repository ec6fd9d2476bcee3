//! Attacks on the cache of compiled components, which holds machine code that
//! runs in the host.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use connector_host::SandboxError;
use connector_host::testing::Grants;
use tempfile::{TempDir, TempPath};

use super::{engine, files};
use crate::forged::{Forged, ZEROS};

/// Id of another user.
const OTHER_USER: u32 = 65534;

/// Component whose `describe` returns, and a cache with the machine code of
/// another component under its name, whose `describe` crashes.
struct Poisoned {
    honest: TempPath,
    cache: PathBuf,
    artefact: PathBuf,
    folder: TempDir,
}

impl Poisoned {
    fn new() -> Self {
        let honest = Forged {
            describe: ZEROS,
            ..Forged::default()
        }
        .file();
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("components");
        let artefact = compiled(&honest, &cache);
        let evil = compiled(&Forged::default().file(), &folder.path().join("evil"));
        fs::write(&artefact, fs::read(evil).unwrap()).unwrap();
        Self {
            honest,
            cache,
            artefact,
            folder,
        }
    }

    /// Returns true if the poisoned machine code runs.
    async fn works(&self) -> bool {
        let connector = engine(Some(&self.cache))
            .connector(&*self.honest, None)
            .unwrap();
        let mut instance = connector.instantiate(Grants::default()).await.unwrap();
        match instance.describe().await {
            Ok(_) => false,
            Err(SandboxError::Crashed { .. }) => true,
            Err(error) => panic!("neither of the two components ran: {error:?}"),
        }
    }
}

/// Compiles a component into a new cache and returns the file.
fn compiled(component: &Path, cache: &Path) -> PathBuf {
    engine(Some(cache)).connector(component, None).unwrap();
    let [artefact] = files(cache).try_into().unwrap();
    artefact
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Changes the owner of a file. Only root can do that: for other users the test
/// shows that this attack is impossible.
fn change_owner(path: &Path) -> bool {
    match chown(path, Some(OTHER_USER), None) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
            false
        }
    }
}

/// Shows that the other tests would detect a success.
#[tokio::test]
async fn machine_code_that_the_owner_replaces_runs() {
    assert!(Poisoned::new().works().await);
}

#[tokio::test]
async fn only_the_owner_can_access_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("components");
    let artefact = compiled(&Forged::default().file(), &cache);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache), 0o700);
    assert_eq!(mode(&artefact), 0o600);
}

#[tokio::test]
async fn a_cache_in_a_folder_that_others_can_write_is_not_used() {
    for mode in [0o777, 0o770, 0o720, 0o702, 0o1777] {
        let poisoned = Poisoned::new();
        set_mode(&poisoned.cache, mode);
        assert!(!poisoned.works().await, "mode {mode:o}");
    }
}

#[tokio::test]
async fn a_folder_that_others_can_write_gets_no_machine_code() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o777);
    engine(Some(folder.path()))
        .connector(&*Forged::default().file(), None)
        .unwrap();
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn a_folder_that_becomes_writable_for_others_is_not_used() {
    let poisoned = Poisoned::new();
    let engine = engine(Some(&poisoned.cache));
    set_mode(&poisoned.cache, 0o777);
    let connector = engine.connector(&*poisoned.honest, None).unwrap();
    let mut instance = connector.instantiate(Grants::default()).await.unwrap();
    assert!(instance.describe().await.is_ok());
}

#[tokio::test]
async fn a_cache_in_the_folder_of_another_user_is_not_used() {
    let poisoned = Poisoned::new();
    if change_owner(&poisoned.cache) {
        assert!(!poisoned.works().await);
    } else {
        // A folder of root: nothing is written to it.
        let folder = Path::new("/usr");
        let before = files(folder);
        engine(Some(folder))
            .connector(&*poisoned.honest, None)
            .unwrap();
        assert_eq!(files(folder), before);
    }
}

#[tokio::test]
async fn a_cache_folder_that_is_a_link_is_not_used() {
    let mut poisoned = Poisoned::new();
    let link = poisoned.folder.path().join("link");
    symlink(&poisoned.cache, &link).unwrap();
    poisoned.cache = link;
    assert!(!poisoned.works().await);
}

#[tokio::test]
async fn garbage_in_the_cache_is_replaced() {
    let poisoned = Poisoned::new();
    let whole = fs::read(&poisoned.artefact).unwrap();
    for garbage in [
        Vec::new(),
        b"garbage".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        whole[whole.len() / 2..].to_vec(),
        vec![0; whole.len()],
        fs::read(&poisoned.honest).unwrap(),
    ] {
        fs::write(&poisoned.artefact, garbage).unwrap();
        assert!(!poisoned.works().await);
    }
}

#[tokio::test]
async fn machine_code_of_another_engine_is_replaced() {
    let poisoned = Poisoned::new();
    let mut config = wasmtime::Config::new();
    // Machine code without the interruption of endless loops.
    config.epoch_interruption(false);
    let other = wasmtime::Engine::new(&config).unwrap();
    let code = other
        .precompile_component(&Forged::default().bytes())
        .unwrap();
    fs::write(&poisoned.artefact, code).unwrap();
    assert!(!poisoned.works().await);
}

#[tokio::test]
async fn machine_code_for_another_digest_is_not_found() {
    let poisoned = Poisoned::new();
    let name = poisoned.artefact.file_name().unwrap().to_str().unwrap();
    let other = format!("{}{}", "0".repeat(64), &name[64..]);
    fs::rename(&poisoned.artefact, poisoned.cache.join(other)).unwrap();
    assert!(!poisoned.works().await);
}

#[tokio::test]
async fn an_artefact_that_others_can_write_is_not_used() {
    for mode in [0o666, 0o620, 0o602] {
        let poisoned = Poisoned::new();
        set_mode(&poisoned.artefact, mode);
        assert!(!poisoned.works().await, "mode {mode:o}");
    }
}

#[tokio::test]
async fn an_artefact_of_another_user_is_not_used() {
    let poisoned = Poisoned::new();
    if change_owner(&poisoned.artefact) {
        assert!(!poisoned.works().await);
    }
}

#[tokio::test]
async fn an_artefact_that_is_a_link_is_not_used() {
    let poisoned = Poisoned::new();
    let elsewhere = poisoned.folder.path().join("elsewhere");
    fs::rename(&poisoned.artefact, &elsewhere).unwrap();
    symlink(&elsewhere, &poisoned.artefact).unwrap();
    assert!(!poisoned.works().await);
}

#[tokio::test]
async fn an_artefact_that_is_not_a_file_is_not_used() {
    let poisoned = Poisoned::new();
    fs::remove_file(&poisoned.artefact).unwrap();
    fs::create_dir(&poisoned.artefact).unwrap();
    assert!(!poisoned.works().await);
    fs::remove_dir(&poisoned.artefact).unwrap();
    // A pipe, whose reading would block.
    let made = Command::new("mkfifo").arg(&poisoned.artefact).status();
    assert!(made.unwrap().success());
    assert!(!poisoned.works().await);
}
