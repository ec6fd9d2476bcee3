//! Tests of the pipeline file: what it means, and how it is refused.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::model::DuckDbSpec;

const SMALLEST: &str = r#"
[connector]
component = "c.wasm"
[destination]
type = "duckdb"
"#;

fn environment(name: &str) -> Option<String> {
    match name {
        "TOKEN" => Some("tok-123\n".to_owned()),
        "HOST" => Some("db.turso.io".to_owned()),
        _ => None,
    }
}

fn parsed(text: &str) -> Result<PipelineSpec, ConfigError> {
    Ok(parse(text, Path::new("dir"), "stem", &environment)?.spec)
}

fn refused(text: &str) -> (String, String) {
    let error = parsed(text).unwrap_err();
    (error.to_string(), error.remedy().unwrap().to_string())
}

#[test]
fn the_smallest_file_has_safe_defaults() {
    let spec = parsed(SMALLEST).unwrap();
    assert_eq!(spec.name, "stem");
    let file = parse(SMALLEST, Path::new("dir"), "stem", &environment).unwrap();
    assert_eq!(file.component, Path::new("dir/c.wasm"));
    assert!(spec.allow.is_empty() && spec.secrets.is_empty() && spec.resources.is_empty());
    assert_eq!(spec.limits, Limits::default());
    assert_eq!(
        spec.destination,
        Some(DuckDbSpec::new("dir/stem.duckdb", "stem_data").into())
    );
}

#[test]
fn no_error_repeats_what_a_variable_holds() {
    let held = |_: &str| Some("s3cr3t-t0ken".to_owned());
    for (written, wrong) in [
        ("type = \"duckdb\"", "type = \"x${TOKEN}\""),
        (
            "type = \"duckdb\"",
            "type = \"files\"\nurl = \"x\"\nformat = \"${TOKEN}\"",
        ),
        (
            "[destination]",
            "[connector.limits]\nmemory = \"${TOKEN}\"\n[destination]",
        ),
        (
            "[destination]",
            "[connector.limits]\ntime = \"1${TOKEN}\"\n[destination]",
        ),
        (
            "[destination]",
            "[[resource]]\nname = \"r\"\nmode = \"${TOKEN}\"\n[destination]",
        ),
    ] {
        let text = SMALLEST.replace(written, wrong);
        let error = parse(&text, Path::new("dir"), "stem", &held).unwrap_err();
        let shown = format!("{error} {error:?} {}", error.remedy().unwrap());
        assert!(
            shown.contains("${TOKEN}") && !shown.contains("s3cr3t"),
            "{shown}"
        );
    }
}

#[test]
fn variables_are_replaced_everywhere_but_in_secrets() {
    let text = SMALLEST.replace(
        "component = \"c.wasm\"",
        "component = \"c.wasm\"\n[connector.config]\nurl = \"https://${HOST}/${MISSING:-x}\"\nlist = [\"${HOST}\"]\n\
         [connector.secrets]\ntoken = { env = \"TOKEN\" }\n[[connector.allow]]\norigin = \"https://${HOST}\"\nsecrets = [\"token\"]",
    );
    let spec = parsed(&text).unwrap();
    assert_eq!(spec.config["url"], "https://db.turso.io/x");
    assert_eq!(spec.config["list"][0], "db.turso.io");
    assert_eq!(spec.allow[0].origin, "https://db.turso.io");
    assert_eq!(spec.secrets["token"].reveal(), "tok-123");
    let (_, hint) = refused(&text.replace("env = \"TOKEN\"", "env = \"${HOST}\""));
    assert!(hint.starts_with("set ${HOST}"), "{hint}");
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_known_key() {
    let (message, hint) = refused(&SMALLEST.replace("component", "componnt"));
    assert!(
        message.contains("line 3") && message.contains("componnt"),
        "{message}"
    );
    assert_eq!(hint, "did you mean `component`?");
    let (_, hint) = refused(&format!("{SMALLEST}pth = \"x\""));
    assert_eq!(hint, "did you mean `path`?");
}

#[test]
fn a_missing_variable_says_how_to_set_it() {
    let (message, hint) = refused(&SMALLEST.replace("c.wasm", "${NOPE}"));
    assert!(
        message.contains("connector.component") && message.contains("NOPE"),
        "{message}"
    );
    assert_eq!(hint, "set NOPE, or give a default: ${NOPE:-...}");
}

#[test]
fn a_secret_value_in_the_file_is_refused_without_showing_it() {
    let with = |secret: &str| {
        SMALLEST.replace(
            "component = \"c.wasm\"",
            &format!("component = \"c.wasm\"\nsecrets = {{ token = {secret} }}"),
        )
    };
    let (_, hint) = refused(&with("{}"));
    assert!(hint.contains("value itself"), "{hint}");
    let values = [
        "\"eyJhbGci\"",
        "{ value = \"eyJhbGci\" }",
        "[\"eyJhbGci\"]",
        "eyJhbGci",
        "{ env = \"TOKEN\", file = \"eyJhbGci\" }",
    ];
    for value in values {
        let (message, hint) = refused(&with(value));
        assert!(
            !message.contains("eyJhbGci") && !hint.contains("eyJhbGci"),
            "{message} {hint}"
        );
    }
    let (message, _) = refused(&SMALLEST.replace(
        "component = \"c.wasm\"",
        "component = \"c.wasm\"\nsecrets = \"eyJhbGci\"",
    ));
    assert!(!message.contains("eyJhbGci"), "{message}");
}

#[test]
fn sizes_and_times_are_read_as_people_write_them() {
    let with = |limits: &str| {
        parsed(&SMALLEST.replace(
            "[destination]",
            &format!("[connector.limits]\n{limits}\n[destination]"),
        ))
    };
    let limits = with("memory = \"64MiB\"\ntime = \"90 s\"\nrequests = 5")
        .unwrap()
        .limits;
    assert_eq!(
        (limits.memory, limits.time, limits.requests),
        (64 << 20, Duration::from_secs(90), 5)
    );
    for bad in [
        "memory = \"lots\"",
        "memory = \"0\"",
        "time = \"1 fortnight\"",
        "memory = \"99999999999GiB\"",
        "requests = \"5\"",
    ] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn keys_of_another_destination_are_refused() {
    let (message, _) = refused(&format!("{SMALLEST}url = \"./out\""));
    assert!(message.contains("unknown field `url`"), "{message}");
    let (_, hint) = refused(&SMALLEST.replace("duckdb", "files"));
    assert!(hint.contains("url"), "{hint}");
    let (_, hint) = refused(&SMALLEST.replace("duckdb", "duckb"));
    assert_eq!(hint, "did you mean \"duckdb\"?");
}

#[test]
fn a_resource_says_how_it_is_loaded() {
    let spec = parsed(&format!(
        "consistency = \"resumable\"\ncommit_every = \"2s\"\n{SMALLEST}[[resource]]\nname = \"orders\"\n\
         mode = \"incremental\"\ncursor = \"at\"\nlag = \"10m\"\nwrite = \"scd2\"\ndeletes = \"soft\"\n\
         schema = \"discard_row\"\nwhere = \"total > 1\"\nmax_rows_read = 9"
    ));
    let spec = spec.unwrap();
    let resumable = Consistency::Resumable {
        commit_every: Duration::from_secs(2),
    };
    assert_eq!(spec.consistency, resumable);
    let orders = &spec.resources[0];
    assert_eq!(orders.mode, ReadMode::Incremental);
    assert_eq!(orders.lag.as_deref(), Some("600s"));
    assert_eq!(
        (orders.write, orders.deletes, orders.schema),
        (
            Some(WriteDisposition::Scd2),
            Some(DeletionMode::Soft),
            SchemaPolicy::DiscardRow
        )
    );
    assert_eq!(orders.filter.as_deref(), Some("total > 1"));
    assert_eq!(orders.max_rows_read, Some(9));
}

#[test]
fn invalid_values_of_a_resource_are_refused() {
    for (line, part) in [
        ("mode = \"increment\"", "resource.mode"),
        ("write = \"upsert\"", "resource.write"),
        ("deletes = \"yes\"", "resource.deletes"),
        ("schema = \"frozen\"", "resource.schema"),
        ("lag = -1", "resource.lag"),
        ("lag = true", "resource.lag"),
        ("lag = \"soon\"", "resource.lag"),
        ("start = \"\"", "resource.start"),
        ("start = true", "resource.start"),
        ("end = inf", "resource.end"),
        ("end = [1]", "resource.end"),
    ] {
        let (message, hint) = refused(&format!(
            "{SMALLEST}[[resource]]\nname = \"orders\"\n{line}"
        ));
        assert!(message.contains(part) && !hint.is_empty(), "{message}");
    }
    let (message, _) = refused(&format!("commit_every = \"1s\"\n{SMALLEST}"));
    assert!(message.contains("commit_every"), "{message}");
    let (message, _) = refused(&format!(
        "{SMALLEST}[[resource]]\nname = \"a\"\n[[resource]]\nname = \"a\""
    ));
    assert!(message.contains("two entries"), "{message}");
}

fn resource_with(lines: &str) -> String {
    format!("{SMALLEST}[[resource]]\nname = \"orders\"\n{lines}")
}

#[test]
fn types_and_masks_are_given_by_column() {
    let text = resource_with(
        r#"types = { created_at = "timestamp", "Unit Price" = "decimal(18,2)" }
mask = { email = "sha256", phone = "partial", note = "null" }"#,
    );
    let spec = parsed(&text).unwrap();
    let resource = &spec.resources[0];
    assert_eq!(resource.types["created_at"], "timestamp");
    assert_eq!(resource.types["Unit Price"], "decimal(18,2)");
    assert_eq!(
        resource.mask,
        BTreeMap::from([
            ("email".to_owned(), Mask::Sha256),
            ("phone".to_owned(), Mask::Partial),
            ("note".to_owned(), Mask::Null),
        ])
    );
    let spec = parsed(&resource_with("")).unwrap();
    assert!(spec.resources[0].types.is_empty() && spec.resources[0].mask.is_empty());
}

#[test]
fn the_error_of_an_unknown_mask_lists_the_masks() {
    let (message, hint) = refused(&resource_with("mask = { email = \"sha265\" }"));
    assert_eq!(
        message,
        "`resource.mask` is invalid: \"sha265\" is not known"
    );
    assert_eq!(hint, "did you mean \"sha256\"?");
    let (_, hint) = refused(&resource_with("mask = { email = \"encrypt\" }"));
    assert_eq!(hint, "use one of: sha256, null, partial");
    let (message, _) = refused(&resource_with("mask = { email = true }"));
    assert!(message.contains("expected a string"), "{message}");
}

#[test]
fn a_column_that_is_named_twice_is_refused() {
    for key in ["types", "mask"] {
        let (message, _) = refused(&resource_with(&format!(
            "{key} = {{ Email = \"null\", email = \"null\" }}"
        )));
        assert_eq!(
            message,
            format!("`resource.{key}` is invalid: there are two entries for the column `email`")
        );
    }
}

#[test]
fn a_destination_has_only_its_own_keys_and_secrets() {
    let destination = |keys: &str| {
        let text = SMALLEST.replace("type = \"duckdb\"", keys);
        refused(&text)
    };
    let (error, hint) = destination("type = \"duckdb\"\nformat = \"csv\"");
    assert!(error.contains("unknown field `format`"), "{error}");
    assert!(error.contains("line"), "{error}");
    assert!(hint.contains("path"), "{hint}");
    let (error, _) = destination("type = \"files\"\nurl = \"x\"\ndriver = \"y\"");
    assert!(error.contains("unknown field `driver`"), "{error}");
    let (error, hint) =
        destination("type = \"duckdb\"\n[destination.secrets]\npassword = { env = \"P\" }");
    assert_eq!(
        error,
        "`destination.secrets.password` is invalid: a destination of type \"duckdb\" does not take this secret"
    );
    assert_eq!(hint, "remove it; this destination does not use secrets");
    let (error, _) = destination("path = \"x\"");
    assert_eq!(error, "`destination.type` is invalid: the key is missing");
}

#[test]
fn bounds_are_numbers_texts_or_times() {
    for (line, value) in [
        ("start = 5", CursorValue::Integer(5)),
        ("start = -0.5", CursorValue::Real(-0.5)),
        ("start = \"a\"", CursorValue::Text("a".to_owned())),
        (
            "start = 2026-03-01",
            CursorValue::Text("2026-03-01".to_owned()),
        ),
        (
            "start = 2026-03-01T09:30:00Z",
            CursorValue::Text("2026-03-01T09:30:00Z".to_owned()),
        ),
    ] {
        let spec = parsed(&resource_with(line)).unwrap();
        assert_eq!(spec.resources[0].start, Some(value), "{line}");
        assert_eq!(spec.resources[0].end, None);
    }
}
