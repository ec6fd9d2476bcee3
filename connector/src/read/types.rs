//! The types that the operator wants for columns of a resource, in place of
//! those that they would get. Changes nothing about how they are read.

use super::plan::Target;
use crate::error::{Error, Result};
use crate::rows::columns::Storage;
use crate::rows::logical_type::LogicalType;
use crate::selection::TypeOverride;

impl Target {
    /// The same, with columns of these types. Where `nested` values are wanted
    /// as what they are, columns that are declared to hold JSON are JSON.
    pub(super) fn with_types(mut self, types: &[TypeOverride], nested: bool) -> Result<Self> {
        for column in &mut self.columns {
            if nested && column.holds_json {
                column.storage = Storage::Logical(LogicalType::Json);
            }
        }
        for wanted in types {
            let mut columns = self.columns.iter_mut();
            let found = columns.find(|column| column.name.eq_ignore_ascii_case(&wanted.column));
            let Some(column) = found else {
                let names: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
                return Err(Error::config(
                    format!(
                        "`types` names `{}`, which is no column of `{}` that is read",
                        wanted.column, self.resource
                    ),
                    format!("it has {}", names.join(", ")),
                ));
            };
            column.storage = Storage::Logical(wanted.requested);
        }
        // A key that comes by itself is compared with that of the rows.
        if let Some((_, keys)) = &mut self.keys {
            for key in keys {
                let mut columns = self.columns.iter();
                if let Some(column) = columns.find(|column| column.name == key.name) {
                    key.storage = column.storage;
                }
            }
        }
        Ok(self)
    }
}
