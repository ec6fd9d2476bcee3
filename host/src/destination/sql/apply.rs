//! Combines the rows of a load with the rows that a table held before. No row
//! passes through this process.

use super::key_columns::KeyColumns;
use super::merge::{MergeSql, Statement, StatementCount, is_in_part};
use super::open_table::{OpenTable, TableOrigin};
use super::quoting::quoted;
use super::transaction::{Transaction, not_storable};
use crate::destination::columns::Column;
use crate::destination::error::DestinationError;
use crate::destination::stored_type::StoredType;
use crate::destination::table_write::is_content_column;
use crate::destination::table_write::{DeletionSource, WriteStats};
use crate::model::{WriteDisposition, names};

impl Transaction<'_> {
    /// Combines one table with what it held before the load. Superseded rows
    /// have been dropped.
    pub(super) fn apply_table(
        &mut self,
        table: &mut OpenTable,
    ) -> Result<WriteStats, DestinationError> {
        let action = format!("merge into `{}`", table.name);
        if !table.write.compares_keys() {
            if let TableOrigin::Staged { target, .. } = &table.origin {
                return self.append_staged(target, table);
            }
            self.carry_over(table)?;
            return Ok(WriteStats {
                written: self.count_written(&action, &table.stored)?,
                ..WriteStats::default()
            });
        }
        if let TableOrigin::Staged { target, .. } = &table.origin {
            return self.merge_into(&action, target, table);
        }
        Ok(WriteStats {
            written: self.apply_without_target(&action, table)?,
            ..WriteStats::default()
        })
    }

    /// Appends the rows of a staged table to its target, and drops it.
    fn append_staged(
        &mut self,
        target: &str,
        table: &OpenTable,
    ) -> Result<WriteStats, DestinationError> {
        let action = format!("append rows to `{}`", table.name);
        let columns: Vec<_> = table.columns.names().map(quoted).collect();
        let columns = columns.join(", ");
        let sql = format!(
            "INSERT INTO {} ({columns}) SELECT {columns} FROM {}",
            self.dataset.table(target),
            self.dataset.table(&table.stored)
        );
        let written = self.connection.execute_counted(&action, &sql)?;
        self.drop_table(&action, &table.stored)?;
        Ok(WriteStats {
            written,
            ..WriteStats::default()
        })
    }

    /// Completes a table that held nothing before, and returns its new rows.
    fn apply_without_target(
        &mut self,
        action: &str,
        table: &mut OpenTable,
    ) -> Result<u64, DestinationError> {
        if table.write.deletion_source == DeletionSource::Flagged {
            let sql = MergeSql::drop_flagged(self.dataset, &table.stored);
            self.execute(action, &sql)?;
            let flag = Column::new(names::IS_DELETED, StoredType::Boolean);
            self.execute(action, &self.dataset.drop_column(&table.stored, &flag))?;
        }
        if let Some(group) = &table.write.group {
            let sql = MergeSql::drop_group_heads(self.dataset, &table.stored, &group.index);
            self.execute(action, &sql)?;
        }
        if let Some(numbers) = table.numbers.take() {
            let sql = self.dataset.drop_column(&table.stored, &numbers.column());
            self.execute(action, &sql)?;
        }
        // After superseded rows are dropped: carried over rows of one key are
        // versions of it.
        self.carry_over(table)?;
        self.count_written(action, &table.stored)
    }

    /// Merges a staged table into its target, and drops it.
    fn merge_into(
        &mut self,
        action: &str,
        target: &str,
        table: &OpenTable,
    ) -> Result<WriteStats, DestinationError> {
        let key = KeyColumns(table.write.key_families());
        let now = self.dataset.dialect().timestamp_utc(self.id.micros());
        let merge = MergeSql {
            dataset: self.dataset,
            target,
            staged: &table.stored,
            columns: table.columns.as_slice(),
            keys: match table.write.deletion_source {
                DeletionSource::AllRows => Some(table.stored.as_str()),
                _ => table.keys.as_ref().map(|keys| keys.stored.as_str()),
            },
            key: &key,
            flagged: table.write.deletion_source == DeletionSource::Flagged,
            deletion_mode: table.write.deletion_mode,
            group: table.write.group.as_ref().map(|group| group.index.as_str()),
            unread: table.unread.as_ref(),
            now: &now,
        };
        let statements = if table.write.disposition == WriteDisposition::Scd2 {
            let columns = table.columns.as_slice().iter();
            let compared: Vec<_> = columns
                .filter(|column| is_content_column(&column.name))
                .collect();
            merge.versions(&compared)
        } else {
            merge.merge()
        };
        let mut stats = WriteStats::default();
        for Statement { counts, sql } in statements {
            let rows = self.connection.execute_counted(action, &sql)?;
            match counts {
                StatementCount::Written => stats.written += rows,
                StatementCount::Deleted => stats.deleted += rows,
                StatementCount::Nothing => {}
            }
        }
        self.drop_table(action, &table.stored)?;
        Ok(stats)
    }

    /// Copies rows of an unread part from a table that is replaced into its
    /// replacement. Appended rows are not copied: they would be duplicates.
    fn carry_over(&mut self, table: &mut OpenTable) -> Result<(), DestinationError> {
        let is_replaced = matches!(table.origin, TableOrigin::Replacement)
            && table.write.disposition != WriteDisposition::Append;
        let Some(part) = table.unread.take().filter(|_| is_replaced) else {
            return Ok(());
        };
        let name = table.name.clone();
        let action = format!("keep rows of `{name}`");
        let Some(replaced) = self.find_table(&table.identifier)? else {
            return Ok(());
        };
        let columns = self.existing_columns(&name, &replaced)?;
        if columns.index_of(&part.column).is_none() {
            return Ok(());
        }
        let missing = table.columns.add_missing(&columns);
        for column in missing.map_err(|error| not_storable(&name, error))? {
            self.execute(&action, &self.dataset.add_column(&table.stored, &column))?;
        }
        let columns: Vec<_> = columns.names().map(quoted).collect();
        let columns = columns.join(", ");
        let sql = format!(
            "INSERT INTO {} ({columns}) SELECT {columns} FROM {} t WHERE {}",
            self.dataset.table(&table.stored),
            self.dataset.table(&replaced),
            is_in_part(&part)
        );
        self.execute(&action, &sql)
    }

    /// Counts the rows of this load in a stored table.
    pub(super) fn count_written(
        &mut self,
        action: &str,
        stored: &str,
    ) -> Result<u64, DestinationError> {
        let sql = format!(
            "SELECT count(*) FROM {} WHERE {}",
            self.dataset.table(stored),
            self.is_of_this_load()
        );
        self.connection.query_count(action, &sql)
    }
}
