//! What a pipeline remembers between its loads: the cursor of each resource.
//! Changed by a load of no rows, so that it is written down as every change.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::Pipeline;
use super::error::PipelineError;
use super::run::blocking;
use crate::destination::{self, DestinationError};
use crate::model::{Cursor, LoadId, LoadRecord, LoadStatus, ReadMode, ResourceRecord};

impl Pipeline {
    /// The cursors that the last loads left, by resource.
    pub async fn state(&self) -> Result<BTreeMap<String, Cursor>, PipelineError> {
        let settings = self.destination_settings();
        let name = self.spec.name.clone();
        let cursors = move || destination::open(settings)?.cursors(&name);
        Ok(blocking(cursors).await??)
    }

    /// Gives a resource another cursor, or none, and returns the one before.
    /// What its rows are stays as it is.
    pub async fn set_state(
        &self,
        resource: &str,
        cursor: Option<Cursor>,
    ) -> Result<Option<Cursor>, PipelineError> {
        let settings = self.destination_settings();
        let name = self.spec.name.clone();
        let resource = resource.to_owned();
        let digest = self.connector.digest().to_owned();
        let change = move || {
            let mut destination = destination::open(settings)?;
            let before = destination.cursors(&name)?.remove(&resource);
            let now = SystemTime::now();
            let load_id = LoadId::from_time(now);
            let mut load = destination.begin(&load_id)?;
            load.apply()?;
            load.commit(&LoadRecord {
                load_id,
                pipeline: name,
                connector_name: "state".to_owned(),
                connector_version: env!("CARGO_PKG_VERSION").to_owned(),
                connector_sha256: digest,
                started: now,
                finished: now,
                status: LoadStatus::Loaded,
                resources: vec![ResourceRecord {
                    resource,
                    // Where all is read, no cursor stays.
                    mode: if cursor.is_some() {
                        ReadMode::Incremental
                    } else {
                        ReadMode::Full
                    },
                    rows_read: 0,
                    rows_written: 0,
                    rows_deleted: 0,
                    rows_rejected: 0,
                    rows_billed: None,
                    cursor_before: before.clone(),
                    cursor_after: cursor,
                }],
            })?;
            Ok::<_, DestinationError>(before)
        };
        Ok(blocking(change).await??)
    }
}
