//! The change feed that Turso's new engine keeps in the table `turso_cdc`,
//! and the rows of a table that follow from it. Sends no requests; the reads
//! are in [`crate::read`].
//!
//! Reading order: [`change`] (an entry of the feed), [`feed`] (statements, and
//! the check that no change is missing), [`history`] (the check that the table
//! is still the same), [`record`] (SQLite's record format), [`row`] (rows of a
//! change).
//!
//! The behaviour of the feed was verified on tursodb 0.6.0. Capture is a
//! setting of each connection, so changes of other connections are missing.

pub mod change;
pub mod feed;
pub mod history;
pub mod record;
pub mod row;

use crate::cursor;
use crate::error::{Category, Error};

/// Name of the column that flags deleted rows, the last of a page.
pub const DELETED: &str = "__deleted";

/// Creates the error of a table that needs a full refresh, because the feed
/// does not hold everything that changed.
fn refresh_needed(table: &str, reason: &str) -> Error {
    Error::new(Category::Data, format!("`{table}`: {reason}")).hint(cursor::full_refresh(table))
}
