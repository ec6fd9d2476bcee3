//! Names of resources and columns.

use std::sync::Arc;

use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use connector_host::SandboxError;
use connector_host::model::Limit;

use super::{Load, messages, page, read, rows, three_rows};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn columns_whose_names_differ_only_in_case_are_refused() {
    for names in [["id", "id"], ["id", "ID"], ["Straße", "sTraße"]] {
        let load = Load::new();
        let reason = load.contract(load.run(columns(&names)).await);
        assert!(reason.contains("two columns"), "{reason}");
    }
}

#[tokio::test]
async fn a_column_name_with_a_nul_is_refused() {
    let load = Load::new();
    let reason = load.contract(load.run(columns(&["a\0b", "c"])).await);
    assert!(reason.contains("NUL"), "{reason}");
}

#[tokio::test]
async fn a_column_name_of_ten_megabytes_is_refused() {
    let load = Load::new();
    let error = load.refused(load.run(columns(&[&"x".repeat(10 * MIB), "c"])).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Text)),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_invalid_resource_name_is_refused() {
    let (schema, page) = messages(&three_rows());
    let load = Load::new();
    let reason = load.contract(load.run(read("a\0b", 3, (&schema, &page))).await);
    assert!(
        reason.contains("a name contains a NUL character"),
        "{reason}"
    );
    let load = Load::new();
    let name = "x".repeat(10 * MIB);
    let error = load.refused(load.run(read(&name, 3, (&schema, &page))).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Text)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_name_with_a_path_stays_inside_of_the_folder() {
    let (schema, batch) = messages(&three_rows());
    for name in [
        "../../x",
        "/etc/x",
        "..",
        "_loads",
        "a/../../b",
        "C:\\x",
        "\"; DROP TABLE t; --",
    ] {
        let load = Load::new();
        load.run(read(name, 3, (&schema, &batch))).await.unwrap();
        let inside = load.folder.path().join("out").join("data");
        assert_eq!(rows(&inside), 3, "{name}");
        assert_eq!(rows(load.folder.path()), 3, "{name}");
    }
}

#[tokio::test]
async fn a_page_of_another_name_than_its_schema_is_refused() {
    let (schema, batch) = messages(&three_rows());
    let script = serde_json::json!({ "events": [
        super::schema("t", &schema),
        page("T", 3, &batch),
        super::done("t", 3),
    ] });
    let load = Load::new();
    let reason = load.contract(load.run(script).await);
    assert!(reason.contains("precedes its schema"), "{reason}");
}

/// Returns a read whose schema has these columns. Its page is not used.
fn columns(names: &[&str]) -> serde_json::Value {
    let fields: Vec<_> = names
        .iter()
        .map(|name| Arc::new(Field::new(*name, DataType::Int64, true)))
        .collect();
    let writer = StreamWriter::try_new(Vec::new(), &Schema::new(fields)).unwrap();
    let (_, page) = messages(&three_rows());
    read("t", 3, (writer.get_ref(), &page))
}
