//! Rows of values into Arrow record batches, whatever they were read from.
//! Knows no wire protocol, no SQL and no network.
//!
//! | module | job |
//! |---|---|
//! | [`value`] | an SQL value that owns its bytes |
//! | [`column_types`] | types of columns that a read is given |
//! | [`columns`] | columns and the storage that their declared types imply |
//! | [`logical_type`] | column types beyond what SQLite stores, such as timestamps |
//! | [`declared_type`] | logical types that declared types suggest |
//! | [`siblings`] | columns for mismatches, and their names |
//! | [`batch`] | a growing batch of rows, with sibling columns for mismatches |
//! | [`page_limit`] | maximum size of a page |

pub mod batch;
mod cast;
mod column_builder;
pub mod column_types;
pub mod columns;
pub(crate) mod datum;
pub mod declared_type;
pub(crate) mod digest;
pub mod logical_type;
pub mod page_limit;
pub mod siblings;
mod suggested_column;
pub mod value;
