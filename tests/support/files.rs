//! Reads the files of a dataset back: Parquet and JSON lines by DuckDB, CSV by
//! the rules of RFC 4180. What they hold as text stays text.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::duckdb::DuckDb;
use crate::source::quoted;
use crate::value::{Rows, Value};

/// A field as long as the longest value that a server returns, and its row.
const LONGEST_LINE: u32 = 64 << 20;

/// The files that are a table after the last load: those that its manifest
/// names, and no others that happen to lie there.
pub fn of(dataset: &Path, table: &str) -> Result<Vec<PathBuf>> {
    let manifests = dataset.join("_loads");
    let mut last = None;
    for entry in std::fs::read_dir(&manifests)
        .with_context(|| format!("no folder {}", manifests.display()))?
    {
        let path = entry.context("cannot read a folder")?.path();
        // What a process that was killed has left unfinished is none.
        if path.extension().is_some_and(|ending| ending == "json") {
            last = last.max(Some(path));
        }
    }
    let last = last.with_context(|| format!("no manifest in {}", manifests.display()))?;
    let manifest: Json = serde_json::from_slice(&std::fs::read(&last)?)?;
    let mut tables = manifest["tables"].as_array().into_iter().flatten();
    let entry = tables
        .find(|entry| entry["name"] == table)
        .with_context(|| format!("{table} is not in {manifest}"))?;
    let files = entry["files"].as_array().into_iter().flatten();
    Ok(files
        .filter_map(|file| Some(dataset.join(file["path"].as_str()?)))
        .collect())
}

/// The rows of Parquet files.
pub fn parquet(files: &[PathBuf]) -> Result<Rows> {
    DuckDb::in_memory()?.query(&format!(
        "SELECT * FROM read_parquet({}, union_by_name = true)",
        list(files)
    ))
}

/// The rows of files of JSON objects. A string is its text, another value the
/// characters that stand in the file.
pub fn jsonl(files: &[PathBuf], columns: &[String]) -> Result<Rows> {
    if columns.is_empty() {
        return Ok(Rows::default());
    }
    let types: Vec<_> = columns
        .iter()
        .map(|column| format!("{}: 'JSON'", literal(column)))
        .collect();
    let names: Vec<_> = columns
        .iter()
        .map(|column| format!("{}::VARCHAR", quoted(column)))
        .collect();
    let sql = format!(
        "SELECT {} FROM read_json({}, format = 'newline_delimited', columns = {{{}}}, maximum_object_size = {LONGEST_LINE})",
        names.join(", "),
        list(files),
        types.join(", "),
    );
    let mut rows = DuckDb::in_memory()?.query(&sql)?;
    rows.columns = columns.to_vec();
    for value in rows.rows.iter_mut().flatten() {
        let Some(text) = value.as_text() else {
            continue;
        };
        if text.starts_with('"') {
            let Json::String(text) = serde_json::from_str(text)? else {
                bail!("{value:?} is no JSON string")
            };
            *value = Value::text(&text);
        } else if text == "null" {
            *value = Value::Null;
        }
    }
    Ok(rows)
}

/// The keys of all objects in files of JSON objects, in their order.
pub fn jsonl_columns(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut columns: Vec<String> = Vec::new();
    for file in files {
        for line in std::fs::read_to_string(file)?.lines() {
            let object: serde_json::Map<String, Json> = serde_json::from_str(line)?;
            for key in object.keys() {
                if !columns.contains(key) {
                    columns.push(key.clone());
                }
            }
        }
    }
    Ok(columns)
}

/// The rows of files of JSON objects, with the types of JSON; of a column
/// whose name ends in `__blob`, the bytes. What a line lacks is null.
pub fn json_values(files: &[PathBuf]) -> Result<Rows> {
    let columns = jsonl_columns(files)?;
    let mut rows = Rows {
        columns,
        ..Rows::default()
    };
    for file in files {
        for line in std::fs::read_to_string(file)?.lines() {
            let object: serde_json::Map<String, Json> = serde_json::from_str(line)?;
            let values = rows.columns.iter().map(|column| {
                let value = object.get(column).unwrap_or(&Json::Null);
                json_value(column, value).with_context(|| line.to_owned())
            });
            rows.rows.push(values.collect::<Result<_>>()?);
        }
    }
    Ok(rows)
}

fn json_value(column: &str, value: &Json) -> Result<Value> {
    Ok(match value {
        Json::Null => Value::Null,
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, Some(real)) => Value::real(real),
            _ => bail!("{number} is no number"),
        },
        Json::String(text) if column.ends_with("__blob") => Value::Blob(STANDARD.decode(text)?),
        Json::String(text) => Value::text(text),
        other => bail!("{other} is no value"),
    })
}

/// The rows of CSV files: what is empty and not in quotes is null.
pub fn csv(files: &[PathBuf]) -> Result<Rows> {
    let mut all = Rows::default();
    for file in files {
        let mut records = records(&std::fs::read(file)?)?.into_iter();
        let header = records
            .next()
            .with_context(|| format!("{} has no header", file.display()))?;
        let columns: Vec<String> = header
            .iter()
            .map(|name| name.as_text().unwrap_or_default().to_owned())
            .collect();
        ensure!(
            all.columns.is_empty() || all.columns == columns,
            "{} has other columns",
            file.display()
        );
        all.columns = columns;
        all.rows.extend(records);
    }
    Ok(all)
}

fn records(mut bytes: &[u8]) -> Result<Vec<Vec<Value>>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    while !bytes.is_empty() {
        let (field, rest) = field(bytes)?;
        record.push(field);
        bytes = match rest {
            [b','] => bail!("the file ends in a comma"),
            [b',', rest @ ..] => rest,
            [b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..] => {
                records.push(std::mem::take(&mut record));
                rest
            }
            [] => bail!("the last line has no end"),
            _ => bail!("a quoted field goes on after its quote"),
        };
    }
    Ok(records)
}

/// The first field, and what follows it.
fn field(bytes: &[u8]) -> Result<(Value, &[u8])> {
    let Some(quoted) = bytes.strip_prefix(b"\"") else {
        let end = bytes
            .iter()
            .position(|byte| b",\r\n".contains(byte))
            .unwrap_or(bytes.len());
        let value = if end == 0 {
            Value::Null
        } else {
            Value::Text(bytes[..end].to_vec())
        };
        return Ok((value, &bytes[end..]));
    };
    let mut text = Vec::new();
    let mut rest = quoted;
    loop {
        let quote = rest
            .iter()
            .position(|byte| *byte == b'"')
            .context("a quote is not closed")?;
        text.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(more) => rest = more,
            None => return Ok((Value::Text(text), rest)),
        }
        text.push(b'"');
    }
}

fn list(files: &[PathBuf]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|file| literal(&file.display().to_string()))
        .collect();
    format!("[{}]", files.join(", "))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
