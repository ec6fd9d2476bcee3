//! Settings of a connector that end a read before the time limit of the host does.
//! Their schema has the keyword `x-below-limit`. Must not know what else a setting
//! means.

use serde_json::Value;

use crate::config::units;
use crate::model::{Amount, Limit, Limits};
use crate::pipeline::error::PipelineError;
use crate::sandbox::SandboxError;

/// Keyword of a setting whose duration is below a limit of the host.
const BELOW_LIMIT: &str = "x-below-limit";

/// Names, in the error of the time limit, the setting with which the connector ends
/// a read earlier, if it has one.
pub(in crate::pipeline) fn explain(error: PipelineError, schema: &str) -> PipelineError {
    let is_time = matches!(
        error,
        PipelineError::Sandbox(SandboxError::Limit(Limit::Time))
    );
    let schema: Option<Value> = serde_json::from_str(schema).ok().filter(|_| is_time);
    match schema.as_ref().and_then(|schema| names(schema).next()) {
        Some(setting) => PipelineError::TimeLimit {
            setting: setting.to_owned(),
        },
        None => error,
    }
}

/// Refuses a setting that has no effect, because the time limit ends a read first.
pub(super) fn validate(
    schema: &Value,
    config: &Value,
    limits: &Limits,
) -> Result<(), PipelineError> {
    for name in names(schema) {
        let text = config.get(name).and_then(Value::as_str);
        let Some(text) = text else { continue };
        // The connector refuses values that are not durations.
        let Ok(duration) = units::duration(name, text) else {
            continue;
        };
        if duration >= limits.time {
            let limit = Limit::Time;
            return Err(PipelineError::settings(
                format!(
                    "the setting `{name}` of the connector is `{text}`, but the limit `{limit}` ends a \
                     read after {}, before it has an effect",
                    Amount::Time(limits.time)
                ),
                format!(
                    "set `{name}` to less than the limit `{limit}`, or raise the limit `{limit}`"
                ),
            ));
        }
    }
    Ok(())
}

fn names(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten();
    properties
        .filter(|(_, part)| {
            let limit = part.get(BELOW_LIMIT).and_then(Value::as_str);
            limit == Some(Limit::Time.key())
        })
        .map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_duration_at_or_above_the_time_limit_is_refused() {
        let schema = json!({"properties": {
            "budget": {"type": "string", "x-below-limit": "time"},
            "other": {"type": "string"},
        }});
        let limits = Limits {
            time: Duration::from_mins(10),
            ..Limits::default()
        };
        let validated = |config| validate(&schema, &config, &limits);
        for duration in ["9m", "599s", "unknown", "0s"] {
            assert!(validated(json!({"budget": duration})).is_ok(), "{duration}");
        }
        assert!(validated(json!({"other": "1h"})).is_ok());
        assert!(validated(json!({"budget": 30})).is_ok());
        for duration in ["10m", "600s", "1h"] {
            let error = validated(json!({"budget": duration})).unwrap_err();
            let shown = format!(
                "the setting `budget` of the connector is `{duration}`, but the limit `time` ends a read after 10m"
            );
            assert!(error.to_string().starts_with(&shown), "{error}");
        }
    }

    #[test]
    fn the_error_of_the_time_limit_names_the_setting() {
        let limit = |limit| PipelineError::from(SandboxError::Limit(limit));
        let schema = r#"{"properties": {"budget": {"x-below-limit": "time"}}}"#;
        let explained = explain(limit(Limit::Time), schema);
        let hint = explained.remedy().map(|remedy| remedy.to_string());
        assert!(hint.is_some_and(|hint| hint.contains("`budget`")));
        for (limit, schema) in [(limit(Limit::Page), schema), (limit(Limit::Time), "{}")] {
            let before = limit.to_string();
            assert_eq!(explain(limit, schema).to_string(), before);
        }
    }
}
