//! Passes over a table: rows that are read in one order, page by page. Sends no
//! requests.

use crate::database::paging::Paging;
use crate::hrana::request::Statement;
use crate::rows::value::Value;

/// One pass over rows of a table.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Statement of the pages.
    pub paging: Paging,
    /// Key after which the pass starts.
    pub after: Option<Vec<Value>>,
    /// Kind and order of the rows.
    pub rows: PassRows,
}

/// Kind and order of the rows of a pass, which decide how it moves the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassRows {
    /// All rows, for a read without a cursor.
    All,
    /// Rows in the order of their key, which is the cursor column.
    ByKey,
    /// Rows in the order of the cursor column.
    ByColumn {
        /// True if rows that were read before are left out.
        skips_rows: bool,
    },
    /// Rows without a value in the cursor column, in the order of their key.
    Null,
    /// Rows in the order of their key, each with its value of the cursor column.
    Unordered,
    /// Keys of all rows.
    Keys,
}

impl Pass {
    /// Creates a pass over all rows of a table.
    #[must_use]
    pub fn all(paging: Paging) -> Self {
        Self {
            paging,
            after: None,
            rows: PassRows::All,
        }
    }

    /// Creates a pass over the keys of all rows of a table.
    #[must_use]
    pub fn keys(paging: Paging) -> Self {
        Self {
            rows: PassRows::Keys,
            ..Self::all(paging)
        }
    }

    /// True if the server may read more rows than it returns.
    #[must_use]
    pub fn skips_rows(&self) -> bool {
        let skips_rows = PassRows::ByColumn { skips_rows: true };
        [PassRows::Unordered, skips_rows].contains(&self.rows) || self.paging.is_filtered()
    }

    /// Returns the first value of the key after which the pass starts.
    #[must_use]
    pub fn first_key_value(&self) -> Option<&Value> {
        self.after.as_ref()?.first()
    }

    /// Returns the statement that finds a row of the pass, if there is any.
    #[must_use]
    pub fn probe(&self) -> Statement {
        self.paging.probe(self.after.as_deref())
    }

    /// Returns the statement that explains the server's query plan.
    #[must_use]
    pub fn explain(&self) -> Statement {
        self.paging.explain(self.after.as_deref())
    }
}
