//! The words that every part of the host shares. Names no other module.

mod cursor;
mod error;
mod load;
pub mod names;

pub use cursor::Cursor;
pub use error::{Category, SourceError};
pub use load::{LoadId, LoadRecord, Mode, Rejected, ResourceRecord, Status, Write};
