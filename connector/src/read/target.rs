//! Resource of the database that is read, and the method of reading it. Sends
//! no requests.

use std::collections::VecDeque;

use super::followed::FollowedTable;
use super::increment::Increment;
use super::pass::Pass;
use crate::cursor::Cursor;
use crate::database::catalog::Catalog;
use crate::database::collations::key_collation;
use crate::database::condition::Condition;
use crate::database::paging::Paging;
use crate::database::statement;
use crate::database::table::{Table, TableColumn};
use crate::error::{Error, Result};
use crate::hrana::decoder::Encoding;
use crate::hrana::request::Statement;
use crate::rows::columns::ColumnSpec;
use crate::rows::value::Value;
use crate::selection::{Mode, Selection};

/// Method of reading a resource.
#[derive(Clone, Debug)]
pub enum ReadMethod {
    /// Pages of all rows, in the passes of the target.
    Paged,
    /// Pages of the rows after a cursor. The preflight determines the passes.
    Incremental(Box<Increment>),
    /// Changes of the feed. Without a cursor, the table is read in pages.
    Changes(Box<FollowedTable>),
    /// One statement for a view, or for a table without a key.
    Whole,
    /// One statement for the query.
    Query(String),
}

/// Resource of the database that is read.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name of the resource.
    pub resource: String,
    /// Columns to read.
    pub columns: Vec<ColumnSpec>,
    /// Method of reading.
    pub method: ReadMethod,
    /// Encoding in which values are requested.
    pub encoding: Encoding,
    /// Columns of the primary key.
    pub primary_key: Vec<String>,
    /// Passes of a table that is read in pages, in their order.
    pub passes: VecDeque<Pass>,
    /// Pass over the keys of all rows, and its columns, if keys are requested.
    pub keys: Option<(Pass, Vec<ColumnSpec>)>,
    /// Cursor after the read, if it is known before.
    pub cursor: Option<Cursor>,
    /// Expression of the row id, if the table has one that grows.
    pub row_id: Option<String>,
    /// True if a condition restricts the rows.
    pub is_filtered: bool,
    /// Estimated number of rows to read.
    pub estimated_rows: Option<u64>,
    /// Maximum rows that the server may bill.
    pub max_rows_billed: Option<u64>,
    /// Number of rows that the preflight was billed.
    pub rows_billed: u64,
    /// True if the server scans all rows to find the new ones.
    pub is_scan: bool,
    /// Notes for the operator.
    pub notes: Vec<String>,
}

impl Target {
    /// Creates the target of a table or view, as a selection requests it.
    ///
    /// # Errors
    /// A config error if the selection does not suit the table.
    pub fn for_table(
        table: &Table,
        selection: &Selection,
        catalog: &Catalog,
        encoding: Encoding,
    ) -> Result<Self> {
        let columns = if selection.columns.is_empty() {
            table.columns.iter().map(TableColumn::spec).collect()
        } else {
            find_columns(table, &selection.columns)?
        };
        let primary_key = if selection.primary_key.is_empty() {
            table.primary_key()
        } else {
            let specs = find_columns(table, &selection.primary_key)?;
            specs.into_iter().map(|spec| spec.name).collect()
        };
        let mut target = Self {
            max_rows_billed: selection.max_rows_billed,
            row_id: table.row_number(),
            is_filtered: selection.filter.is_some()
                || selection.start.is_some()
                || selection.end.is_some(),
            ..Self::whole(table.name.clone(), columns, ReadMethod::Whole, encoding)
        };
        if selection.keys && !primary_key.is_empty() {
            target.keys = Some(keys_pass(table, &primary_key, selection)?);
        }
        target
            .notes
            .extend(collation_note(table, &primary_key, selection));
        target.primary_key = primary_key;
        target.set_method(table, selection, catalog)?;
        Ok(target)
    }

    /// Creates the target of a query.
    #[must_use]
    pub fn for_query(
        resource: String,
        columns: Vec<ColumnSpec>,
        sql: String,
        primary_key: Vec<String>,
        encoding: Encoding,
    ) -> Self {
        Self {
            primary_key,
            ..Self::whole(resource, columns, ReadMethod::Query(sql), encoding)
        }
    }

    /// Returns the statement that reads all rows at once.
    #[must_use]
    pub fn statement(&self, limit: Option<u64>) -> Statement {
        match &self.method {
            ReadMethod::Query(sql) => {
                statement::select_query(sql, self.columns.len(), self.encoding, limit)
            }
            _ => statement::select_all(&self.resource, &self.columns, self.encoding, limit),
        }
    }

    /// Returns the statement for the largest row id of the table, which reads
    /// one row.
    #[must_use]
    pub fn select_max_row_id(&self) -> Option<Statement> {
        let row_id = self.row_id.as_ref()?;
        Some(statement::select_max_row_id(&self.resource, row_id))
    }

    /// Returns the statement whose result estimates the rows to read, if all
    /// rows of the table are read and their number is not estimated yet.
    #[must_use]
    pub fn estimate(&self) -> Option<Statement> {
        let reads_all = match &self.method {
            ReadMethod::Paged => true,
            ReadMethod::Incremental(increment) => !increment.continues(),
            ReadMethod::Changes(_) | ReadMethod::Whole | ReadMethod::Query(_) => false,
        };
        let is_unknown = self.estimated_rows.is_none() && !self.is_filtered;
        self.select_max_row_id().filter(|_| reads_all && is_unknown)
    }

    /// Returns the number of rows that the server may bill for the pages. A read
    /// that continues can stop at any row, so the rows of earlier checks count too.
    #[must_use]
    pub fn billable_rows(&self) -> Option<u64> {
        let max = self.max_rows_billed?;
        Some(match &self.method {
            ReadMethod::Incremental(increment) if increment.continues() => {
                max.saturating_sub(self.rows_billed)
            }
            // The table has at most as many rows, and the last page is not full.
            _ if self.row_id.is_some() => max.saturating_add(1),
            _ => max,
        })
    }

    fn whole(
        resource: String,
        columns: Vec<ColumnSpec>,
        method: ReadMethod,
        encoding: Encoding,
    ) -> Self {
        Self {
            resource,
            columns,
            method,
            encoding,
            primary_key: Vec::new(),
            passes: VecDeque::new(),
            keys: None,
            cursor: None,
            row_id: None,
            is_filtered: false,
            estimated_rows: None,
            max_rows_billed: None,
            rows_billed: 0,
            is_scan: false,
            notes: Vec::new(),
        }
    }

    fn set_method(
        &mut self,
        table: &Table,
        selection: &Selection,
        catalog: &Catalog,
    ) -> Result<()> {
        match (selection.mode, table.key()) {
            (Mode::Full, Some(key)) => {
                let filter = selection.filter.as_deref().map(Condition::from_user);
                let paging = Paging::new(table, &key, &self.columns).with_filter(filter);
                self.method = ReadMethod::Paged;
                self.passes = [Pass::all(paging)].into();
            }
            (Mode::Full, None) if selection.max_rows_billed.is_some() => {
                return Err(unlimited(&table.name));
            }
            (Mode::Full, None) if selection.filter.is_none() => {}
            (Mode::Full, None) => {
                return Err(Error::config(
                    format!("`{}` cannot be read with a condition", table.name),
                    "remove `where`, or write a query (`queries`)",
                ));
            }
            (Mode::Incremental, _) => {
                let increment = Increment::new(table, &self.columns, selection)?;
                self.method = ReadMethod::Incremental(Box::new(increment));
            }
            (Mode::Changes, _) => {
                let key = &self.primary_key;
                let followed = FollowedTable::new(table, catalog.has_changes, key, selection)?;
                self.method = ReadMethod::Changes(Box::new(followed));
            }
        }
        Ok(())
    }
}

/// Returns the error of a resource whose rows cannot be limited.
pub(super) fn unlimited(resource: &str) -> Error {
    Error::config(
        format!("`{resource}` is read by one statement, so `max_rows_read` cannot limit its rows"),
        "remove `max_rows_read`, or limit the rows in a query (`queries`)",
    )
}

/// Returns a note about a key that the server compares in another way than the
/// host. The keys of all rows show which rows are gone, and the feed names them.
fn collation_note(table: &Table, primary_key: &[String], selection: &Selection) -> Option<String> {
    if !selection.idempotent || selection.keys || selection.mode == Mode::Changes {
        return None;
    }
    let (column, collation) = key_collation(&table.sql, primary_key)?;
    Some(format!(
        "the key column `{column}` has the collation {collation}, but rows are merged by the exact \
         text: if a key changes in a way that the collation ignores, its old row stays; set `deletes` \
         to `hard` to remove such rows"
    ))
}

/// Returns the number of rows that the largest row id suggests.
#[must_use]
pub fn row_count(max_row_id: &Value) -> u64 {
    let rows = max_row_id.as_integer().unwrap_or(0);
    u64::try_from(rows).unwrap_or(0)
}

/// Returns the specs of the named columns of a table.
fn find_columns(table: &Table, names: &[String]) -> Result<Vec<ColumnSpec>> {
    let find = |name: &String| {
        let mut columns = table.columns.iter();
        let found = columns.find(|column| column.name.eq_ignore_ascii_case(name));
        found.map(TableColumn::spec).ok_or_else(|| {
            let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
            Error::config(
                format!("`{}` has no column `{name}`", table.name),
                format!("the columns are {}", names.join(", ")),
            )
        })
    };
    names.iter().map(find).collect()
}

/// Creates the pass over the keys of all rows.
fn keys_pass(
    table: &Table,
    primary_key: &[String],
    selection: &Selection,
) -> Result<(Pass, Vec<ColumnSpec>)> {
    let specs = find_columns(table, primary_key)?;
    // Only the declared key is certain to be unique and to have an index.
    let paging = match table.key() {
        Some(key) if primary_key != table.primary_key() => Paging::new(table, &key, &specs),
        _ => Paging::for_columns(table, &specs),
    };
    let filter = selection.filter.as_deref().map(Condition::from_user);
    Ok((Pass::keys(paging.with_filter(filter)), specs))
}
