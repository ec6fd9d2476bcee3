//! The validation of a config against the JSON Schema of its connector. Runs
//! before the connector receives the config.

mod setting;
pub(super) mod time_setting;

use boon::{Compiler, Schemas, SchemeUrlLoader};
use serde_json::Value;

use super::error::PipelineError;
use crate::model::{Limits, Remedy, names};

/// Refuses a config that the schema or the limits do not allow, and names the
/// setting.
pub(super) fn validate(schema: &str, config: &Value, limits: &Limits) -> Result<(), PipelineError> {
    let invalid_schema = |reason: String| {
        PipelineError::settings(
            format!("the connector's config schema is not a valid JSON Schema: {reason}"),
            "report it to the author of the connector",
        )
    };
    let schema: Value =
        serde_json::from_str(schema).map_err(|error| invalid_schema(error.to_string()))?;
    validate_size(&schema).map_err(invalid_schema)?;
    let document = schema.clone();
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    // A loader that supports no URL scheme, so that nothing is loaded from a
    // file or the network.
    compiler.use_loader(Box::new(SchemeUrlLoader::new()));
    compiler
        .add_resource("connector:config", schema)
        .map_err(|error| invalid_schema(error.to_string()))?;
    let index = compiler
        .compile("connector:config", &mut schemas)
        .map_err(|error| invalid_schema(error.to_string()))?;
    schemas.validate(config, index).map_err(|error| {
        let leaf = deepest(&error);
        let at = leaf.instance_location.to_string();
        let setting = at.trim_start_matches('/').replace('/', ".");
        let subject = if setting.is_empty() {
            "the config of the connector".to_owned()
        } else {
            format!("the setting `{setting}` of the connector")
        };
        PipelineError::settings(
            format!("{subject} is invalid: {}", leaf.kind),
            remedy(leaf, &at, &setting, &document),
        )
    })?;
    time_setting::validate(&document, config, limits)
}

/// Refuses a schema that could keep the host busy: the connector wrote it, and
/// it is applied outside of the connector's limits. A schema without references
/// is a tree, and each part is applied once to its part of the config.
fn validate_size(schema: &Value) -> Result<(), String> {
    /// Far more parts than the settings of any connector need.
    const MAX_PARTS: usize = 2_000;
    /// Keywords that refer to other schemas, can recurse, or compile slowly.
    const REFUSED: [&str; 5] = [
        "$ref",
        "$dynamicRef",
        "$recursiveRef",
        "pattern",
        "patternProperties",
    ];

    let mut parts = 0;
    let mut remaining = vec![schema];
    while let Some(part) = remaining.pop() {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(format!("it has more than {MAX_PARTS} parts"));
        }
        match part {
            Value::Object(object) => {
                if let Some(key) = object.keys().find(|key| REFUSED.contains(&key.as_str())) {
                    return Err(format!("`{key}` is not supported"));
                }
                remaining.extend(object.values());
            }
            Value::Array(array) => remaining.extend(array),
            _ => {}
        }
    }
    Ok(())
}

/// Returns a leaf of the tree of errors. Leaves name the invalid value.
fn deepest<'a, 'b>(error: &'a boon::ValidationError<'a, 'b>) -> &'a boon::ValidationError<'a, 'b> {
    error.causes.first().map_or(error, deepest)
}

fn remedy(
    error: &boon::ValidationError<'_, '_>,
    pointer: &str,
    name: &str,
    schema: &Value,
) -> Remedy {
    let part = setting::find(schema, pointer);
    let known = part.map(setting::keys).unwrap_or_default();
    if let boon::ErrorKind::AdditionalProperties { got } = &error.kind
        && let Some(unknown) = got.first()
        && let Some(nearest) = names::nearest(unknown, known.iter().map(String::as_str))
    {
        return Remedy::UseName {
            name: nearest.to_owned(),
        };
    }
    let is_about_keys = matches!(
        error.kind,
        boon::ErrorKind::AdditionalProperties { .. } | boon::ErrorKind::Required { .. }
    );
    let form = part.filter(|_| !is_about_keys);
    if let Some(form) = form.and_then(|part| setting::form(name, part)) {
        return form.into();
    }
    let known = if known.is_empty() {
        setting::keys(schema)
    } else {
        known
    };
    format!("the connector's settings are {}", known.join(", ")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{
        "type": "object",
        "properties": {"database_url": {"type": "string"}, "page_rows": {"type": "integer", "minimum": 1, "default": 10}},
        "required": ["database_url"],
        "additionalProperties": false
    }"#;

    fn error(config: &Value) -> PipelineError {
        validate(SCHEMA, config, &Limits::default()).unwrap_err()
    }

    fn validated(schema: &Value) -> Result<(), PipelineError> {
        let config = serde_json::json!({});
        validate(&schema.to_string(), &config, &Limits::default())
    }

    #[test]
    fn a_valid_config_passes() {
        assert!(
            validate(
                SCHEMA,
                &serde_json::json!({"database_url": "http://x"}),
                &Limits::default()
            )
            .is_ok()
        );
    }

    #[test]
    fn the_error_of_an_unknown_key_names_the_nearest_known_one() {
        let error = error(&serde_json::json!({"database_url": "x", "page_row": 1}));
        assert_eq!(
            error.remedy(),
            Some(Remedy::UseName {
                name: "page_rows".to_owned()
            })
        );
    }

    #[test]
    fn a_schema_that_refers_to_a_file_is_refused() {
        let file = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        for schema in [
            serde_json::json!({ "$ref": file }),
            serde_json::json!({ "$schema": file }),
            serde_json::json!({ "properties": { "a": { "$dynamicRef": file } } }),
        ] {
            let error = validated(&schema).unwrap_err();
            assert!(error.to_string().contains("not a valid JSON Schema"));
            // The message reveals neither the content nor the existence of the file.
            assert!(!error.to_string().contains("connector-host\""), "{error}");
        }
    }

    #[test]
    fn a_schema_that_multiplies_is_refused() {
        let mut schema = serde_json::json!({ "$defs": { "a60": true }, "$ref": "#/$defs/a0" });
        for level in 0..60 {
            let next = format!("#/$defs/a{}", level + 1);
            schema["$defs"][format!("a{level}")] =
                serde_json::json!({ "allOf": [{ "$ref": next }, { "$ref": next }] });
        }
        assert!(validated(&schema).is_err());
        let wide: Vec<_> = (0..2_000).map(|_| serde_json::json!({})).collect();
        let wide = serde_json::json!({ "allOf": wide });
        assert!(validated(&wide).is_err());
    }

    #[test]
    fn a_wrong_value_is_named() {
        let error = error(&serde_json::json!({"database_url": "x", "page_rows": 0}));
        assert!(error.to_string().contains("`page_rows`"), "{error}");
    }

    #[test]
    fn the_hint_for_a_wrong_value_states_the_expected_form() {
        for value in [serde_json::json!("many"), serde_json::json!(0)] {
            let error = error(&serde_json::json!({"database_url": "x", "page_rows": value}));
            let hint = error.remedy().map(|remedy| remedy.to_string());
            assert_eq!(
                hint.as_deref(),
                Some("set `page_rows` to a whole number, such as 10")
            );
        }
    }
}
