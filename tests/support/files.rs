//! Reader of the files of a dataset: Parquet and JSON lines by DuckDB, CSV by
//! the rules of RFC 4180. Text in the files stays text.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::duckdb::DuckDb;
use crate::source::quoted;
use crate::value::{Rows, Value};

/// Largest line that is read: the longest value of a server, escaped, and the
/// rest of its row.
const MAX_LINE_BYTES: u32 = 64 << 20;

/// Returns the files of a table that the latest manifest names. Other files in
/// the folder are ignored.
pub fn table_files(dataset: &Path, table: &str) -> Result<Vec<PathBuf>> {
    let manifests = dataset.join("_loads");
    let mut last = None;
    for entry in std::fs::read_dir(&manifests)
        .with_context(|| format!("no folder {}", manifests.display()))?
    {
        let path = entry.context("cannot read a folder")?.path();
        // A killed process may have left an unfinished manifest.
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

/// Returns the rows of Parquet files.
pub fn parquet(files: &[PathBuf]) -> Result<Rows> {
    DuckDb::in_memory()?.query(&format!(
        "SELECT * FROM read_parquet({}, union_by_name = true)",
        list(files)
    ))
}

/// Returns the rows of JSON lines files. A string is its text; another value is
/// its characters in the file.
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
        "SELECT {} FROM read_json({}, format = 'newline_delimited', columns = {{{}}}, maximum_object_size = {MAX_LINE_BYTES})",
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
                bail!("{value:?} is not a JSON string")
            };
            *value = Value::text(&text);
        } else if text == "null" {
            *value = Value::Null;
        }
    }
    Ok(rows)
}

/// Returns the keys of all objects in JSON lines files, in order.
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

/// Returns the rows of JSON lines files, with the types of JSON. A column whose
/// name ends in `__blob` holds bytes. A missing key is null.
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
            _ => bail!("{number} is out of range"),
        },
        Json::String(text) if column.ends_with("__blob") => Value::Blob(STANDARD.decode(text)?),
        Json::String(text) => Value::text(text),
        other => bail!("{other} is not a scalar"),
    })
}

/// Returns the rows of CSV files. An empty field without quotes is null, and so
/// is a column that a file lacks.
pub fn csv(files: &[PathBuf]) -> Result<Rows> {
    let mut all = Rows::default();
    for file in files {
        let mut records = records(&std::fs::read(file)?)?.into_iter();
        let header = records
            .next()
            .with_context(|| format!("{} has no header", file.display()))?;
        let mut positions = Vec::with_capacity(header.len());
        for name in header.iter().filter_map(Value::as_text) {
            let known = all.columns.iter().position(|column| column == name);
            positions.push(known.unwrap_or_else(|| {
                all.columns.push(name.to_owned());
                all.columns.len() - 1
            }));
        }
        for record in records {
            ensure!(
                record.len() == positions.len(),
                "a record of {} has {} fields instead of {}",
                file.display(),
                record.len(),
                positions.len()
            );
            let mut row = vec![Value::Null; all.columns.len()];
            for (value, position) in record.into_iter().zip(&positions) {
                row[*position] = value;
            }
            all.rows.push(row);
        }
    }
    for row in &mut all.rows {
        row.resize(all.columns.len(), Value::Null);
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
            _ => bail!("a quoted field continues after its quote"),
        };
    }
    Ok(records)
}

/// Splits off the first field.
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
