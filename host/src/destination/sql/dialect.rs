//! Differences between the SQL of stores.

use std::borrow::Cow;

use super::convert_column::Conversion;
use super::dataset_name::DatasetName;
use crate::destination::names::NameError;
use crate::destination::stored_type::StoredType;

/// The SQL of one store.
///
/// The shared statements are written in the part of SQL that transactional
/// stores have in common: quoted identifiers, `DELETE ... USING`, `UPDATE ...
/// WHERE EXISTS`, `INSERT ... SELECT` with explicit columns, window functions,
/// and `IS NOT DISTINCT FROM`.
pub(in crate::destination) trait Dialect: Send + Sync {
    /// Returns the identifier that the store keeps for a name of a table or a
    /// column. The rules of each store are in
    /// [`names`](crate::destination::names).
    fn identifier<'n>(&self, name: &'n str) -> Result<Cow<'n, str>, NameError>;

    /// Returns the type of a column in a table definition.
    fn type_name(&self, stored_type: StoredType) -> Cow<'static, str>;

    /// Returns an expression for a time, given in microseconds since 1970, of
    /// the type of [`StoredType::TimestampUtc`].
    fn timestamp_utc(&self, micros: i64) -> String;

    /// Returns the conversion of the values of a quoted column to another type.
    /// `None` if the store has none that keeps values.
    fn conversion(&self, column: &str, from: StoredType, to: StoredType) -> Option<Conversion>;

    /// Returns the query for the names of all tables of a dataset.
    fn list_tables(&self, dataset: &DatasetName) -> String;

    /// Returns the query for what prevents that a table is written, or replaced:
    /// objects that no load made. Each row is a clause, as in "a view has its
    /// name".
    fn list_obstacles(&self, dataset: &DatasetName, table: &str, replaces: bool) -> String;

    /// Returns the query for the number of constraints, indexes and computed columns
    /// of a table. No load makes any.
    fn count_constraints(&self, dataset: &DatasetName, table: &str) -> String;
}
