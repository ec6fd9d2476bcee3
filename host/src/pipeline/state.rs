//! The state of a pipeline between its loads: the cursor of each resource. A
//! load without rows changes it, so that every change is recorded.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::Pipeline;
use super::error::PipelineError;
use super::run::blocking;
use crate::destination::DestinationError;
use crate::model::{
    Cursor, LoadId, LoadRecord, LoadStatus, ReadMode, ResourceRecord, WriteDisposition, names,
};

impl Pipeline {
    /// Returns the cursors after the last loads, by resource.
    pub async fn state(&self) -> Result<BTreeMap<String, Cursor>, PipelineError> {
        let factory = self.destination_factory();
        let name = self.spec.name.clone();
        let cursors = move || factory.open_uncommitted()?.cursors(&name);
        Ok(self.within_runtime(blocking(cursors)).await??)
    }

    /// True if the rows of a resource are added to those of earlier loads. Rows
    /// that are read again are then stored twice.
    #[must_use]
    pub fn appends(&self, resource: &str) -> bool {
        let plan = names::find_in(&self.plans, resource);
        plan.is_some_and(|plan| plan.disposition == WriteDisposition::Append)
    }

    /// Replaces or removes the cursor of a resource, and returns the previous
    /// one. Does not change its rows. Refuses a cursor that the connector does not
    /// accept.
    pub async fn set_state(
        &self,
        resource: &str,
        cursor: Option<Cursor>,
    ) -> Result<Option<Cursor>, PipelineError> {
        if let Some(cursor) = &cursor {
            self.within_runtime(self.validate_cursor(resource, cursor))
                .await?;
        }
        let factory = self.destination_factory();
        let name = self.spec.name.clone();
        let resource = resource.to_owned();
        let digest = self.connector.digest().to_owned();
        let change = move || {
            let mut destination = factory.open()?;
            let cursors = destination.cursors(&name)?;
            let before = names::find_in(&cursors, &resource).cloned();
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
                    // A full read keeps no cursor.
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
        Ok(self.within_runtime(blocking(change)).await??)
    }
}
