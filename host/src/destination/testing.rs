//! Destinations for tests. Not part of the stable interface.

use std::sync::Arc;

use object_store::ObjectStore;

use super::error::DestinationError;
use super::files::Files;
use super::traits::Destination;
use crate::model::FileFormat;

/// Opens a files destination in an object store, such as
/// [`InMemory`](object_store::memory::InMemory). It uses multipart uploads,
/// copies and conditional puts, and no rename.
pub fn files_in_objects(
    objects: Arc<dyn ObjectStore>,
    dataset: &str,
    format: FileFormat,
) -> Result<Box<dyn Destination>, DestinationError> {
    Ok(Box::new(Files::open_objects(objects, dataset, format)?))
}
