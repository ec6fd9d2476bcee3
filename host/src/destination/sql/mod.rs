//! The load algorithm of stores that speak SQL and have transactions with DDL.
//!
//! One load is one transaction: tables, rows, cursors and records of the load
//! become visible with its commit, or not at all. A store supplies two things:
//! a [`Dialect`] (names, types and the few expressions that differ) and a
//! [`SqlConnection`] (statements, queries and streams of Arrow batches). No
//! row passes through this process except on its way into a table.
//!
//! Reading order: this file, [`dialect`], [`connection`], [`dataset`] (SQL
//! texts about tables) with [`dataset_name`], [`load`] with [`transaction`]
//! (its statements and rows) and [`load_records`] (the tables that describe it),
//! [`identifiers`] and [`open_table`] (tables that a load writes) with
//! [`row_numbers`] and [`origins`] (of columns), [`superseded`] (one staged row of
//! each key), [`apply`] and [`merge`] (combining staged rows with stored ones) with
//! [`key_columns`], and [`convert_column`] (columns that get another type).
//!
//! Must not name a store or a driver.

mod apply;
mod connection;
mod convert_column;
mod dataset;
mod dataset_name;
mod dialect;
mod identifiers;
mod key_columns;
mod load;
mod load_records;
mod merge;
mod open_table;
mod origins;
mod quoting;
mod row_numbers;
mod superseded;
mod transaction;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};

pub(super) use self::connection::{IngestStream, SqlConnection, texts};
pub(super) use self::convert_column::Conversion;
pub(super) use self::dataset::Dataset;
pub(super) use self::dataset_name::DatasetName;
pub(super) use self::dialect::Dialect;
pub(super) use self::quoting::literal;

use self::load::SqlLoad;
use super::error::DestinationError;
use super::traits::{Destination, Load};
use crate::model::{Cursor, LoadId, names};

/// A destination that speaks SQL.
pub(super) struct SqlDestination {
    connection: Box<dyn SqlConnection>,
    dataset: Dataset,
}

impl SqlDestination {
    /// Uses an open connection for the tables of a dataset.
    pub(super) fn new(connection: Box<dyn SqlConnection>, dataset: Dataset) -> Self {
        Self {
            connection,
            dataset,
        }
    }
}

impl Destination for SqlDestination {
    fn location(&self) -> String {
        self.connection.location().to_owned()
    }

    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError> {
        let action = "read the cursors";
        let connection = self.connection.as_mut();
        if self
            .dataset
            .find_table(connection, names::CURSORS)?
            .is_none()
        {
            return Ok(BTreeMap::new());
        }
        let sql = format!(
            "SELECT resource, version, value FROM {} WHERE pipeline = {}",
            self.dataset.table(names::CURSORS),
            literal(pipeline)
        );
        let mut cursors = BTreeMap::new();
        for batch in connection.query(action, &sql)? {
            let Some(rows) = cursor_rows(&batch) else {
                return Err(DestinationError::failed(
                    action,
                    connection.location(),
                    format!("`{}` does not have its expected columns", names::CURSORS),
                ));
            };
            cursors.extend(rows);
        }
        Ok(cursors)
    }

    fn pipelines_with_cursors(
        &mut self,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, DestinationError> {
        let connection = self.connection.as_mut();
        let mut pipelines = BTreeMap::<_, BTreeSet<_>>::new();
        if self
            .dataset
            .find_table(connection, names::CURSORS)?
            .is_none()
        {
            return Ok(pipelines);
        }
        let sql = format!(
            "SELECT resource, pipeline FROM {}",
            self.dataset.table(names::CURSORS)
        );
        for batch in connection.query("read the pipelines", &sql)? {
            let pairs = texts(batch.column(0)).zip(texts(batch.column(1)));
            for (resource, pipeline) in pairs {
                if let (Some(resource), Some(pipeline)) = (resource, pipeline) {
                    pipelines.entry(resource).or_default().insert(pipeline);
                }
            }
        }
        Ok(pipelines)
    }

    fn begin(&mut self, load: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError> {
        let load = SqlLoad::begin(self.connection.as_mut(), &self.dataset, load.clone())?;
        Ok(Box::new(load))
    }
}

/// Reads rows of resource, version and value.
fn cursor_rows(batch: &RecordBatch) -> Option<Vec<(String, Cursor)>> {
    let resources = batch.column(0).as_string_opt::<i32>()?;
    let versions = batch.column(1).as_primitive_opt::<Int32Type>()?;
    let values = batch.column(2).as_binary_opt::<i32>()?;
    let cursor = |row: usize| Cursor {
        version: versions.value(row).cast_unsigned(),
        value: values.value(row).to_vec(),
    };
    let rows = (0..batch.num_rows()).filter(|row| resources.is_valid(*row));
    Some(
        rows.map(|row| (resources.value(row).to_owned(), cursor(row)))
            .collect(),
    )
}
