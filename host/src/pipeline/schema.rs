//! Checks a config against the JSON Schema that its connector declares,
//! before the connector sees it.

use boon::{Compiler, Schemas};
use serde_json::Value;

use super::error::PipelineError;

/// Refuses a config that does not fit, naming the setting.
pub(super) fn validate(schema: &str, config: &Value) -> Result<(), PipelineError> {
    let broken = |reason: String| {
        PipelineError::settings(
            format!("the connector declares a config schema that is none: {reason}"),
            "report it to the author of the connector".to_owned(),
        )
    };
    let schema: Value = serde_json::from_str(schema).map_err(|error| broken(error.to_string()))?;
    let known = known_keys(&schema);
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    // A name of no scheme that could be fetched: nothing is loaded from
    // anywhere, a `$ref` out of the document is an error.
    compiler
        .add_resource("connector:config", schema)
        .map_err(|error| broken(error.to_string()))?;
    let index = compiler
        .compile("connector:config", &mut schemas)
        .map_err(|error| broken(error.to_string()))?;
    schemas.validate(config, index).map_err(|error| {
        let leaf = deepest(&error);
        let at = leaf.instance_location.to_string();
        let setting = at.trim_start_matches('/').replace('/', ".");
        let subject = if setting.is_empty() {
            "[connector.config]".to_owned()
        } else {
            format!("`{setting}` in [connector.config]")
        };
        PipelineError::settings(
            format!("{subject} is wrong: {}", leaf.kind),
            hint(leaf, &known),
        )
    })
}

/// The error that says most: validators report a tree, whose leaves name the
/// value that is wrong.
fn deepest<'a, 'b>(error: &'a boon::ValidationError<'a, 'b>) -> &'a boon::ValidationError<'a, 'b> {
    error.causes.first().map_or(error, deepest)
}

fn hint(error: &boon::ValidationError<'_, '_>, known: &[String]) -> String {
    if let boon::ErrorKind::AdditionalProperties { got } = &error.kind
        && let Some(unknown) = got.first()
        && let Some(nearest) =
            crate::model::names::nearest(unknown, known.iter().map(String::as_str))
    {
        return format!("did you mean `{nearest}`?");
    }
    format!("the connector knows {}", known.join(", "))
}

fn known_keys(schema: &Value) -> Vec<String> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|p| p.keys().cloned().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "properties": {"database_url": {"type": "string"}, "page_rows": {"type": "integer", "minimum": 1}},
        "required": ["database_url"],
        "additionalProperties": false
    }"#;

    fn error(config: &Value) -> PipelineError {
        validate(SCHEMA, config).unwrap_err()
    }

    #[test]
    fn a_fitting_config_passes() {
        assert!(validate(SCHEMA, &serde_json::json!({"database_url": "http://x"})).is_ok());
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_known_one() {
        let error = error(&serde_json::json!({"database_url": "x", "page_row": 1}));
        assert_eq!(error.hint().as_deref(), Some("did you mean `page_rows`?"));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let error = error(&serde_json::json!({"database_url": "x", "page_rows": 0}));
        assert!(error.to_string().contains("`page_rows`"), "{error}");
    }
}
