//! Access to databases through ADBC drivers, which are shared libraries.
//!
//! Reading order: [`driver`] (finding and loading a library), [`connection`],
//! [`ingest`] (streams of batches into a table). The only module that names
//! the ADBC crates. Must not name a database; what its settings and errors
//! mean is decided by the destination that uses it.

mod connection;
mod driver;
mod ingest;

pub(super) use self::connection::{AdbcConnection, IngestTarget};
pub(super) use self::driver::{Driver, DriverLibrary};
