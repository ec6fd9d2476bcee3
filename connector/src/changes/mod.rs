//! The feed of changes that Turso's new engine keeps in the table `turso_cdc`:
//! what it holds, and what that means for the rows of a table. Asks nobody;
//! the reads are in [`crate::read`].
//!
//! [`record`] decodes rows, [`row`] makes rows of a table out of changes,
//! [`feed`] says whether the feed still begins where the last read ended, and
//! [`history`] whether the table is still the one that was read.
//!
//! What the feed records was tried on tursodb 0.6.0. It is kept for each
//! connection, so changes of connections that do not ask for it are missing.

pub mod feed;
pub mod history;
pub mod record;
pub mod row;

use crate::cursor;
use crate::error::{Category, Error};

/// The column that says which rows are deleted; the last of a page.
pub const DELETED: &str = "__deleted";

/// What the feed cannot tell about a table, and what to do about it.
fn lost(table: &str, what: &str) -> Error {
    Error::new(Category::Data, format!("`{table}`: {what}")).hint(cursor::full_refresh(table))
}
