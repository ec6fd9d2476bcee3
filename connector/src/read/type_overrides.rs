//! Types that the operator requests for columns of a target. They do not change
//! how the columns are read.

use super::target::Target;
use crate::error::{Error, Result};
use crate::rows::columns::Storage;
use crate::rows::logical_type::LogicalType;
use crate::selection::TypeOverride;

impl Target {
    /// Sets the requested types. If `nested` values are requested, columns that
    /// are declared as JSON become JSON.
    ///
    /// # Errors
    /// A config error if an override names an unknown column.
    pub(super) fn with_types(mut self, types: &[TypeOverride], nested: bool) -> Result<Self> {
        for column in &mut self.columns {
            if nested && column.holds_json {
                column.storage = Storage::Logical(LogicalType::Json);
            }
        }
        for requested in types {
            let mut columns = self.columns.iter_mut();
            let found = columns.find(|column| column.name.eq_ignore_ascii_case(&requested.column));
            let Some(column) = found else {
                let names: Vec<_> = self.columns.iter().map(|c| c.name.as_str()).collect();
                return Err(Error::config(
                    format!(
                        "`types` names `{}`, which is not a selected column of `{}`",
                        requested.column, self.resource
                    ),
                    format!("the columns are {}", names.join(", ")),
                ));
            };
            column.storage = Storage::Logical(requested.requested);
        }
        // The host compares the keys with those of the rows.
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
