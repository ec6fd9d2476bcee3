//! Parsing of arbitrary text as a pipeline file. No error contains the value of
//! an environment variable, and no secret is shown.

#![no_main]

use std::error::Error as _;
use std::path::Path;

use connector_host::config;
use libfuzzer_sys::{Corpus, fuzz_target};
use toml::{Table, Value};

/// Value of every environment variable.
const CANARY: &str = "canary-7f3a9c51";

fn environment(name: &str) -> Option<String> {
    (!name.is_empty() && !name.starts_with("NO")).then(|| CANARY.to_owned())
}

/// Returns true if the secrets come only from the environment. Random inputs
/// must not read files or run programs. The check uses the parsed tree, so that
/// escapes cannot hide a key.
fn is_harmless(file: &Table) -> bool {
    let secrets = file
        .get("connector")
        .and_then(|connector| connector.get("secrets"));
    match secrets {
        None => true,
        Some(Value::Table(secrets)) => secrets.values().all(|source| match source {
            Value::Table(source) => source.keys().all(|key| key == "env"),
            _ => true,
        }),
        Some(_) => false,
    }
}

fuzz_target!(|text: &str| -> Corpus {
    let tree: Option<Table> = toml::from_str(text).ok();
    if text.contains(CANARY) || !tree.as_ref().is_none_or(is_harmless) {
        return Corpus::Reject;
    }
    match config::parse(text, Path::new("/nowhere"), "stem", &environment) {
        Err(error) => {
            let mut message = format!("{error} {error:?} {:?}", error.remedy());
            let mut cause = error.source();
            while let Some(error) = cause {
                message.push_str(&error.to_string());
                cause = error.source();
            }
            assert!(!message.contains(CANARY), "{message}");
        }
        Ok(file) => {
            let spec = file.spec;
            let used = tree.is_some_and(|tree| tree.to_string().contains("${"));
            assert!(used || !format!("{spec:?}").contains(CANARY), "{spec:?}");
            assert!(
                spec.secrets
                    .values()
                    .all(|secret| !secret.reveal().is_empty())
            );
        }
    }
    Corpus::Keep
});
