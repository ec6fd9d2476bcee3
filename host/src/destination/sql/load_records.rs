//! The tables that describe loads: records of loads and resources, cursors, and
//! rejected records. They are written by the load that they describe.
//!
//! Must not write a table of a resource.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::connection::texts;
use super::load::SqlLoad;
use super::quoting::literal;
use crate::destination::error::DestinationError;
use crate::destination::records;
use crate::destination::table_write::TableWrite;
use crate::destination::traits::Load as _;
use crate::model::{LoadRecord, ResourceRecord, WriteDisposition, names};

impl SqlLoad<'_> {
    /// Appends rows to one of the tables that describe loads.
    pub(super) fn append_records(
        &mut self,
        name: &str,
        rows: Result<RecordBatch, ArrowError>,
    ) -> Result<(), DestinationError> {
        let action = format!("write to `{name}`");
        let rows = rows.map_err(|error| self.transaction.failed(&action, error))?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let write = TableWrite::new(rows.schema(), WriteDisposition::Append);
        self.open_table(name, &write)?;
        self.write_rows(name, rows)?;
        self.transaction.flush()?;
        // Only tables of resources are counted and applied.
        self.tables.remove(name);
        Ok(())
    }

    /// Stores the records that no table could hold.
    pub(super) fn store_rejected(&mut self) -> Result<(), DestinationError> {
        let rejected = self.rejected.take();
        self.transaction.flush()?;
        self.append_records(
            names::REJECTED,
            records::rejected(&self.transaction.id, &rejected),
        )
    }

    /// Replaces the cursors of the resources of the load.
    pub(super) fn store_cursors(&mut self, record: &LoadRecord) -> Result<(), DestinationError> {
        let cursors = self.transaction.dataset.table(names::CURSORS);
        let pipeline = literal(&record.pipeline);
        let action = "replace a cursor";
        let sql = format!("SELECT resource FROM {cursors} WHERE pipeline = {pipeline}");
        let saved = self.transaction.connection.query(action, &sql)?;
        let saved = saved.iter().flat_map(|batch| texts(batch.column(0)));
        for saved in saved.flatten() {
            // The source may spell a name in another letter case than before.
            let is_replaced = |resource: &ResourceRecord| {
                resource.resource.eq_ignore_ascii_case(&saved) && records::replaces_cursor(resource)
            };
            if record.resources.iter().any(is_replaced) {
                let resource = literal(&saved);
                let sql = format!(
                    "DELETE FROM {cursors} WHERE pipeline = {pipeline} AND resource = {resource}"
                );
                self.transaction.execute(action, &sql)?;
            }
        }
        self.append_records(names::CURSORS, records::cursors(record))
    }
}
