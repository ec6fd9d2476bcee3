//! A setting in the schema of a config: its expected form, for hints. Everything
//! in a schema is input of the connector. Must not validate a value.

use serde_json::Value;

/// Maximum length of a description in a hint, in characters.
const MAX_DESCRIPTION_CHARS: usize = 400;

/// Returns the part of a schema for a setting, by its JSON pointer in the config.
pub(super) fn find<'a>(schema: &'a Value, pointer: &str) -> Option<&'a Value> {
    let mut tokens = pointer.split('/').filter(|token| !token.is_empty());
    tokens.try_fold(schema, |part, token| {
        if token.bytes().all(|byte| byte.is_ascii_digit()) {
            part.get("items")
        } else {
            part.get("properties")?.get(token)
        }
    })
}

/// Returns the names of the settings in a part of a schema.
pub(super) fn keys(part: &Value) -> Vec<String> {
    let properties = part.get("properties").and_then(Value::as_object);
    properties
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// Describes the expected form of a setting. `None` if its schema states neither a
/// type nor a value.
pub(super) fn form(setting: &str, part: &Value) -> Option<String> {
    let examples = part.get("examples").and_then(|examples| examples.get(0));
    let example = examples.or_else(|| part.get("default"));
    let kind = part.get("type").and_then(Value::as_str).and_then(kind);
    let value = match (kind, example) {
        (Some(kind), Some(example)) => format!("{kind}, such as {example}"),
        (Some(kind), None) => kind.to_owned(),
        (None, Some(example)) => format!("a value such as {example}"),
        (None, None) => return None,
    };
    let description = part.get("description").and_then(Value::as_str);
    let description = description.map_or_else(String::new, |text| {
        let clean = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = text
            .chars()
            .take(MAX_DESCRIPTION_CHARS)
            .map(clean)
            .collect();
        format!(". {text}")
    });
    Some(format!("set `{setting}` to {value}{description}"))
}

fn kind(name: &str) -> Option<&'static str> {
    Some(match name {
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table of settings",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_has_a_type_an_example_and_the_description() {
        let schema = json!({"properties": {
            "wait": {"type": "string", "default": "5m", "description": "Longest\nwait."},
            "mode": {"examples": ["a", "b"], "default": "c"},
            "free": {"description": "Anything."},
            "list": {"items": {"properties": {"name": {"type": "string"}}}},
        }});
        let shown = |pointer| find(&schema, pointer).and_then(|part| form("x", part));
        assert_eq!(
            shown("/wait").as_deref(),
            Some("set `x` to a text, such as \"5m\". Longest wait.")
        );
        assert_eq!(
            shown("/mode").as_deref(),
            Some("set `x` to a value such as \"a\"")
        );
        assert_eq!(shown("/free"), None);
        assert_eq!(shown("/list/0/name").as_deref(), Some("set `x` to a text"));
        assert_eq!(shown("/none"), None);
    }
}
