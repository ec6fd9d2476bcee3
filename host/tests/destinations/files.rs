//! Reads a folder of files by following its last manifest, as a consumer
//! would.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::types::Date32Type;
use arrow_cast::parse::Parser as _;
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::csv;
use crate::value::{Row, Value, rows as rows_of};

/// The last manifest.
pub(crate) fn manifest(dataset: &Path) -> Option<serde_json::Value> {
    let manifests = std::fs::read_dir(dataset.join("_loads")).ok()?;
    let last = manifests.map(|entry| entry.unwrap().path()).max()?;
    Some(read(&last))
}

fn read(manifest: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap()
}

fn load_row(manifest: &serde_json::Value) -> Row {
    let text = |value: &serde_json::Value| Value::Text(value.as_str().unwrap().to_owned());
    let started = time(
        manifest["started"]
            .as_str()
            .unwrap()
            .strip_suffix('Z')
            .unwrap(),
    );
    let written = manifest["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["rows_written"].as_i64().unwrap());
    [
        ("load_id", text(&manifest["load_id"])),
        ("pipeline", text(&manifest["pipeline"])),
        ("connector_version", text(&manifest["connector"]["version"])),
        ("status", text(&manifest["status"])),
        ("started", Value::Time(started)),
        ("rows_written", Value::Integer(written.sum())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn resource_rows(manifest: &serde_json::Value) -> Vec<Row> {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Number(number) => Value::Integer(number.as_i64().unwrap()),
        _ => Value::Null,
    };
    let row = |row: &serde_json::Value| {
        row.as_object()
            .unwrap()
            .iter()
            .map(|(name, cell)| (name.clone(), value(cell)))
            .collect()
    };
    manifest["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect()
}

/// The rows of a table, or none if it is not there. What is written about
/// loads is in the manifests.
pub(crate) fn rows(dataset: &Path, table: &str) -> Option<Vec<Row>> {
    match table {
        "_loads" => {
            return Some(
                all(&dataset.join("_loads"))
                    .iter()
                    .map(|path| load_row(&read(path)))
                    .collect(),
            );
        }
        "_load_resources" => {
            let manifests = all(&dataset.join("_loads"));
            return Some(
                manifests
                    .iter()
                    .flat_map(|path| resource_rows(&read(path)))
                    .collect(),
            );
        }
        _ => {}
    }
    let manifest = manifest(dataset)?;
    let table = manifest["tables"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == table)?;
    let column = |column: &serde_json::Value| {
        (
            column["name"].as_str().unwrap().to_owned(),
            column["type"].as_str().unwrap().to_owned(),
        )
    };
    let columns: BTreeMap<String, String> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(column)
        .collect();
    let mut rows = Vec::new();
    for file in table["files"].as_array().unwrap() {
        let path = dataset.join(file["path"].as_str().unwrap());
        assert!(
            path.is_file(),
            "the manifest names {}, which is not there",
            path.display()
        );
        assert_eq!(
            path.metadata().unwrap().len(),
            file["bytes"].as_u64().unwrap()
        );
        let found = file_rows(&path, &columns);
        assert_eq!(found.len() as u64, file["rows"].as_u64().unwrap());
        rows.extend(found);
    }
    for row in &mut rows {
        assert!(row.keys().all(|name| columns.contains_key(name)), "{row:?}");
        for name in columns.keys() {
            row.entry(name.clone()).or_insert(Value::Null);
        }
    }
    Some(rows)
}

/// Every file below a folder.
pub(crate) fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn file_rows(path: &Path, columns: &BTreeMap<String, String>) -> Vec<Row> {
    match path.extension().unwrap().to_str().unwrap() {
        "parquet" => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap())
                .unwrap()
                .build()
                .unwrap();
            reader.flat_map(|batch| rows_of(&batch.unwrap())).collect()
        }
        "jsonl" => jsonl_rows(path, columns),
        _ => csv_rows(path, columns),
    }
}

fn jsonl_rows(path: &Path, columns: &BTreeMap<String, String>) -> Vec<Row> {
    let fields = columns.iter().map(|(name, stored)| {
        let data_type = match stored.as_str() {
            "int32" => DataType::Int32,
            "int64" => DataType::Int64,
            "float64" => DataType::Float64,
            "boolean" => DataType::Boolean,
            "date" => DataType::Date32,
            _ => DataType::Utf8,
        };
        Field::new(name, data_type, true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let reader = ReaderBuilder::new(schema)
        .build(BufReader::new(File::open(path).unwrap()))
        .unwrap();
    let mut rows: Vec<Row> = reader.flat_map(|batch| rows_of(&batch.unwrap())).collect();
    for row in &mut rows {
        for (name, value) in row.iter_mut() {
            if let Value::Text(text) = &*value
                && columns[name] != "text"
            {
                *value = self::value(&columns[name], text.clone());
            }
        }
    }
    rows
}

fn csv_rows(path: &Path, columns: &BTreeMap<String, String>) -> Vec<Row> {
    let mut records = csv::records(&std::fs::read_to_string(path).unwrap()).into_iter();
    let header: Vec<_> = records
        .next()
        .unwrap()
        .into_iter()
        .map(Option::unwrap)
        .collect();
    let row = |record: Vec<Option<String>>| {
        assert_eq!(record.len(), header.len());
        let values = header.iter().zip(record);
        values
            .map(|(name, text)| {
                (
                    name.clone(),
                    text.map_or(Value::Null, |text| value(&columns[name], text)),
                )
            })
            .collect()
    };
    records.map(row).collect()
}

fn value(stored: &str, text: String) -> Value {
    match stored {
        "int32" | "int64" => Value::Integer(text.parse().unwrap()),
        "float64" => Value::Float(text.parse::<f64>().unwrap().to_bits()),
        "boolean" => Value::Boolean(text.parse().unwrap()),
        "blob" => Value::Blob(STANDARD.decode(text).unwrap()),
        "date" => Value::Date(Date32Type::parse(&text).unwrap()),
        "timestamp" => Value::Time(time(&text)),
        decimal if decimal.starts_with("decimal") => Value::Decimal(text),
        "timestamp_utc" => Value::Time(time(text.strip_suffix('Z').unwrap())),
        _ => Value::Text(text),
    }
}

/// Microseconds since 1970 of `YYYY-MM-DDTHH:MM:SS.ffffff`.
fn time(text: &str) -> i64 {
    let (date, time) = text.split_once('T').unwrap();
    let days: i64 = Date32Type::parse(date).unwrap().into();
    let digits: Vec<i64> = time
        .split([':', '.'])
        .map(|digits| digits.parse().unwrap())
        .collect();
    let [hours, minutes, seconds, micros] = digits[..] else {
        panic!("{text}")
    };
    (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
}
