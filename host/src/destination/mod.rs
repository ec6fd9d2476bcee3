//! Destinations: where rows go.
//!
//! [`Destination`] and [`Load`] are the whole interface. Their implementations
//! are chosen by the [`DestinationSpec`](crate::model::DestinationSpec) of a
//! pipeline, or supplied by a platform as a [`DestinationFactory`]. All of them
//! pass one conformance suite (`tests/destinations`).
//!
//! Modules name a shared type by its own file, not through this one, so that
//! they do not import each other in a circle.
//!
//! Two families share their algorithms. A load into an SQL store is one
//! transaction: [`sql`] over a dialect and a connection, as in [`duckdb`] over
//! [`adbc`]. A load into [`files`] is committed by a manifest that names them.
//!
//! A destination must not name the connector, the sandbox, the configuration or
//! another destination. Only its own files name its driver.

mod adbc;
mod batch_mapping;
mod columns;
mod creation;
mod duckdb;
mod error;
mod factory;
mod files;
mod json;
mod lock;
mod names;
mod records;
mod rejected;
mod sql;
mod stored_type;
mod table_write;
pub(crate) mod testing;
mod text;
mod traits;

pub use self::error::{Cause, DestinationError};
pub use self::factory::BuiltInDestination;
pub(crate) use self::json::json_array;
pub use self::stored_type::{StoredType, stored_type};
pub use self::table_write::{DeletionSource, RowGroups, RowOrder, TableWrite, WriteStats};
pub(crate) use self::text::time as time_text;
pub use self::traits::{Destination, DestinationFactory, Load};
