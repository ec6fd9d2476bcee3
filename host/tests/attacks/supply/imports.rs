//! Components with other imports or exports than a connector.

use connector_host::SandboxError;

use super::{engine, refused};
use crate::forged;

/// Returns the import that the refusal of a component with this import names.
fn refused_for(import: &str) -> String {
    let file = forged::text(&format!("(component (import \"{import}\" (instance)))"));
    match refused(engine(None).connector(&*file, None)) {
        SandboxError::Import { import, .. } => import,
        error => panic!("{import} is refused for another reason: {error:?}"),
    }
}

#[test]
fn a_component_that_imports_sockets_is_refused_by_name() {
    for import in [
        "wasi:sockets/tcp@0.2.0",
        "wasi:sockets/tcp-create-socket@0.2.12",
        "wasi:sockets/udp@0.2.3",
        "wasi:sockets/ip-name-lookup@0.2.0",
        "wasi:sockets/instance-network@0.2.0",
        "wasi:sockets/types@0.3.0",
    ] {
        assert_eq!(refused_for(import), import);
    }
}

#[test]
fn a_component_that_imports_the_filesystem_is_refused_by_name() {
    for import in [
        "wasi:filesystem/types@0.2.0",
        "wasi:filesystem/preopens@0.2.12",
        "wasi:filesystem/types@0.3.0",
    ] {
        assert_eq!(refused_for(import), import);
    }
}

#[test]
fn a_component_that_imports_anything_else_is_refused_by_name() {
    for import in [
        "wasi:cli/run@0.2.0",
        "wasi:http/incoming-handler@0.2.0",
        "wasi:http/types@0.3.0",
        "wasi:clocks/timezone@0.2.0",
        "wasi:keyvalue/store@0.2.0",
        "wasi:config/runtime@0.2.0",
        "connector:source/secrets@0.2.0",
        "connector:source/vault@0.1.0",
        "host:everything/all",
    ] {
        assert_eq!(refused_for(import), import);
    }
}

#[test]
fn a_name_similar_to_an_allowed_one_is_refused() {
    for import in [
        "wasi:io/poll@0.20.0",
        "wasi:io/poll",
        "wasi:io/poll@1.0.0",
        "wasi-io:poll/poll@0.2.0",
        "wasi:io/poll-all@0.2.0",
        "connector:source/log@0.1.1",
        "connector:source/log",
    ] {
        assert_eq!(refused_for(import), import);
    }
}

#[test]
fn an_allowed_name_with_another_type_is_refused() {
    for import in [
        r#"(import "wasi:io/poll@0.2.0" (func))"#,
        r#"(import "wasi:io/poll@0.2.0" (instance (export "escape" (func))))"#,
        r#"(import "wasi:http/types@0.2.0" (component))"#,
        r#"(import "connector:source/log@0.1.0" (instance (export "log" (func (param "message" string)))))"#,
    ] {
        let file = forged::text(&format!("(component {import})"));
        let error = refused(engine(None).connector(&*file, None));
        // The exports are missing too. The error may name either.
        assert!(
            matches!(
                error,
                SandboxError::NotAComponent { .. } | SandboxError::Export { .. }
            ),
            "{error:?}"
        );
    }
}

#[test]
fn a_component_without_the_exports_is_refused_by_the_missing_one() {
    let file = forged::text("(component)");
    match refused(engine(None).connector(&*file, None)) {
        SandboxError::Export { export, .. } => assert_eq!(export, "connector:source/source@0.1.0"),
        error => panic!("refused for another reason: {error:?}"),
    }
}

#[test]
fn a_component_that_exports_the_name_without_the_functions_is_refused() {
    let file = forged::text(
        r#"(component (instance $none) (export "connector:source/source@0.1.0" (instance $none)))"#,
    );
    let error = refused(engine(None).connector(&*file, None));
    assert!(
        matches!(error, SandboxError::NotAComponent { .. }),
        "{error:?}"
    );
}
