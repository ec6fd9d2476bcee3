//! `Debug` output of types that hold a secret.

use std::collections::BTreeMap;

use connector_host::config;
use connector_host::model::{AllowRule, FilesSpec, PipelineSpec, Secret};
use connector_host::pipeline::{Pipeline, PipelineError};

use crate::world::{TOKEN, World, get};

#[track_caller]
fn shows_nothing(value: &impl std::fmt::Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains(TOKEN), "{text}");
        assert!(!text.contains(&TOKEN[7..]), "{text}");
    }
}

fn spec(secrets: BTreeMap<String, Secret>) -> PipelineSpec {
    let mut spec = PipelineSpec::builder("debug")
        .destination(FilesSpec::new("none", "none"))
        .build();
    spec.secrets = secrets;
    spec
}

#[tokio::test]
async fn no_debug_output_shows_a_secret() {
    let world = World::new().token();
    let grants = world.grants();
    shows_nothing(&grants);
    shows_nothing(&grants.secrets);
    shows_nothing(&grants.secrets["token"]);
    shows_nothing(&Some(&grants.secrets["token"]));
    shows_nothing(&spec(grants.secrets.clone()));
    let instance = world.instance().await.unwrap();
    shows_nothing(instance.egress_stats());
}

#[tokio::test]
async fn no_debug_output_of_an_error_shows_a_secret() {
    let world = World::new().token();
    let mut spec = spec(world.grants().secrets);
    spec.allow.push(AllowRule {
        origin: "https://db.example".to_owned(),
        secrets: vec!["unknown".to_owned()],
        ..AllowRule::default()
    });
    let error: PipelineError = Pipeline::new(world.load().unwrap(), spec).err().unwrap();
    shows_nothing(&error);
    let mut request = get("127.0.0.1:1", "/{token}");
    request["headers"] = serde_json::json!([["authorization", "Bearer {token}"]]);
    let outcome = world.request(request).await;
    shows_nothing(outcome.denial());
    shows_nothing(&outcome.result);
}

#[test]
fn no_debug_output_of_an_invalid_file_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipeline.toml");
    for secret in [
        format!("\"{TOKEN}\""),
        format!("{{ value = \"{TOKEN}\" }}"),
        "{ env = \"UNUSABLE\" }".to_owned(),
    ] {
        let text = format!(
            "[connector]\ncomponent = \"none.wasm\"\n[connector.secrets]\ntoken = {secret}\n\
             [destination]\ntype = \"duckdb\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let unusable = |_: &str| Some(format!("{TOKEN}\u{1}"));
        let error = config::load(&file, &unusable).unwrap_err();
        shows_nothing(&error);
        assert!(!error.to_string().contains(TOKEN));
    }
}
