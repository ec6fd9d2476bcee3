//! The conversion of a stored column to another type, in the transaction of a
//! load.

use super::quoting::quoted;
use super::transaction::Transaction;
use crate::destination::error::DestinationError;
use crate::destination::stored_type::{StoredType, stored_type};

/// The conversion of the values of a column.
pub(in crate::destination) struct Conversion {
    /// Expression for the converted value.
    pub(in crate::destination) value: String,
    /// Condition that is true if the converted value is the same.
    pub(in crate::destination) keeps: String,
}

impl Transaction<'_> {
    /// Converts a column of a table, if all of its values stay the same.
    /// Returns false, and changes nothing, otherwise.
    pub(super) fn convert_column(
        &mut self,
        name: &str,
        stored: &str,
        column: &str,
        to: StoredType,
    ) -> Result<bool, DestinationError> {
        let schema = self.table_schema(name, stored)?;
        let mut fields = schema.fields().iter();
        let field = fields.find(|field| field.name().eq_ignore_ascii_case(column));
        let Some((field, from)) = field.and_then(|field| Some((field, stored_type(field)?))) else {
            return Ok(false);
        };
        let identifier = quoted(field.name());
        let dialect = self.dataset.dialect();
        let Some(conversion) = dialect.conversion(&identifier, from, to) else {
            return Ok(false);
        };
        let table = self.dataset.table(stored);
        let type_name = dialect.type_name(to);
        let action = format!("convert `{column}` of `{name}`");
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE {identifier} IS NOT NULL AND ({}) IS NOT TRUE",
            conversion.keeps
        );
        if self.connection.query_count(&action, &sql)? > 0 {
            return Ok(false);
        }
        let sql = format!(
            "ALTER TABLE {table} ALTER COLUMN {identifier} TYPE {type_name} USING {}",
            conversion.value
        );
        self.execute(&action, &sql)?;
        Ok(true)
    }
}
