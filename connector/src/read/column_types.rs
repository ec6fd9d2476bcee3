//! Types of the columns of a target: those that are requested, those of stored
//! columns, and those that the declared types suggest, in this order. They do
//! not change how the columns are read.

use super::target::Target;
use crate::error::{Error, Result};
use crate::rows::column_types::{ColumnTypes, RequestedType};
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::logical_type::LogicalType;
use crate::selection::{Selection, TypeOverride};

impl Selection {
    /// Adds the types that rules request for columns, unless the selection has a
    /// type of its own for them.
    pub(super) fn add_rules<'a>(
        &mut self,
        types: &ColumnTypes,
        columns: impl Iterator<Item = &'a ColumnSpec>,
    ) {
        for column in columns {
            let mut own = self.types.iter();
            if own.any(|own| own.column.eq_ignore_ascii_case(&column.name)) {
                continue;
            }
            if let Some(requested) = types.rule(column) {
                self.types.push(TypeOverride {
                    column: column.name.clone(),
                    requested,
                });
            }
        }
    }
}

impl Target {
    /// Sets the types of the columns. If the selection requests nested values,
    /// columns that are declared as JSON become JSON.
    ///
    /// # Errors
    /// A config error if a requested type names an unknown column.
    pub(super) fn with_types(mut self, selection: &Selection, types: &ColumnTypes) -> Result<Self> {
        let requested = |column: &ColumnSpec| {
            let mut requested = selection.types.iter();
            requested.find(|requested| requested.column.eq_ignore_ascii_case(&column.name))
        };
        for unknown in &selection.types {
            let mut columns = self.columns.iter();
            if !columns.any(|column| column.name.eq_ignore_ascii_case(&unknown.column)) {
                return Err(self.unknown_column(&unknown.column));
            }
        }
        for column in &mut self.columns {
            let requested = requested(column).map(|requested| requested.requested);
            column.storage = match requested {
                Some(RequestedType::Logical(logical)) => Storage::Logical(logical),
                _ if selection.nested && column.holds_json() => Storage::Logical(LogicalType::Json),
                _ => match types.stored(&self.resource, &column.name) {
                    Some(stored) => column.storage.with_stored(stored),
                    None if requested == Some(RequestedType::Plain) || types.is_plain() => {
                        column.storage.plain()
                    }
                    None => column.storage,
                },
            };
        }
        // The host compares the keys with those of the rows. Two passes could
        // decide differently about a type that is only suggested.
        if let Some((_, keys)) = &mut self.keys {
            for key in keys {
                let mut columns = self.columns.iter_mut();
                if let Some(column) = columns.find(|column| column.name == key.name) {
                    column.storage = column.storage.plain();
                    key.storage = column.storage;
                }
            }
        }
        Ok(self)
    }

    fn unknown_column(&self, name: &str) -> Error {
        let names: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
        Error::config(
            format!(
                "`types` names `{name}`, which is not a selected column of `{}`",
                self.resource
            ),
            format!("the columns are {}", names.join(", ")),
        )
    }
}
