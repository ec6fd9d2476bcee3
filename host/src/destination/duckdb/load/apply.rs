//! Brings a table that has come together with the one that is there. Moves
//! no row through this process.

use super::DuckDbLoad;
use super::table::{Origin, Table};
use crate::destination::columns::Column;
use crate::destination::duckdb::merge::{Counts, Key, Merge, is_of};
use crate::destination::duckdb::stored_name;
use crate::destination::{DeletionSource, DestinationError, WriteStats};
use crate::model::{WriteDisposition, names};

impl DuckDbLoad<'_> {
    /// Brings a table together with what is there.
    pub(super) fn apply_to(&mut self, table: &mut Table) -> Result<WriteStats, DestinationError> {
        let (dataset, name) = (self.dataset, table.name.clone());
        let name = &name;
        let table_write = table.write.clone();
        let action = format!("merge into `{name}`");
        if !table_write.compares() {
            self.carry_over(table)?;
            let sql = self.count_of(&table.stored);
            let written = self.connection.count(&action, &sql)?;
            return Ok(WriteStats {
                written,
                ..WriteStats::default()
            });
        }
        self.connection.expect_merge()?;
        let key = Key(table_write.key_families());
        let keys = table.keys.as_ref().map(|keys| keys.stored.as_str());
        for staged in [Some(table.stored.as_str()), keys].into_iter().flatten() {
            let rows = self
                .connection
                .count(&action, &key.count_missing(dataset, staged))?;
            if rows > 0 {
                return Err(DestinationError::NoKey {
                    table: name.clone(),
                    rows,
                    key: table_write.key.join(", "),
                });
            }
        }
        let superseded = if let Some(group) = &table_write.group {
            self.run(&action, &key.keep_last_group(dataset, &table.stored, group))?;
            0
        } else {
            let sql = key.count_superseded(dataset, &table.stored);
            self.connection.count(&action, &sql)?
        };
        if superseded > 0 {
            self.run(&action, &key.keep_last(dataset, &table.stored))?;
        }
        let mut stats = WriteStats {
            superseded,
            ..WriteStats::default()
        };
        let marked = table_write.deletion_source == DeletionSource::Flagged;
        let Origin::Beside { target, .. } = &table.origin else {
            if marked {
                self.run(&action, &Merge::drop_marked(dataset, &table.stored))?;
                let flag = Column::boolean(names::IS_DELETED);
                self.run(&action, &dataset.drop_column(&table.stored, &flag))?;
            }
            if let Some(group) = &table_write.group {
                self.run(&action, &Merge::drop_heads(dataset, &table.stored, group))?;
            }
            // After those of one key were told apart: there they are versions.
            self.carry_over(table)?;
            let sql = self.count_of(&table.stored);
            stats.written = self.connection.count(&action, &sql)?;
            return Ok(stats);
        };
        let now = format!("make_timestamptz({})", self.id.micros());
        let merge = Merge {
            dataset,
            target,
            staged: &table.stored,
            keys: match table_write.deletion_source {
                DeletionSource::AllRows => Some(table.stored.as_str()),
                _ => keys,
            },
            key: &key,
            marked,
            deletes: table_write.deletion_mode,
            group: table_write.group.as_deref(),
            unread: table.unread.as_ref(),
            now: &now,
        };
        let statements = if table_write.disposition == WriteDisposition::Scd2 {
            let own = [
                names::LOAD_ID,
                names::VALID_FROM,
                names::VALID_TO,
                names::IS_DELETED,
            ];
            let columns = table.columns.as_slice().iter();
            let names = columns.map(|column| column.name.as_str());
            merge.versions(names.filter(|name| !own.contains(name)))
        } else {
            merge.merge()
        };
        for (counts, sql) in statements.0 {
            let rows = self.connection.count(&action, &sql)?;
            match counts {
                Counts::Written => stats.written += rows,
                Counts::Deleted => stats.deleted += rows,
                Counts::Nothing => {}
            }
        }
        self.run(&action, &dataset.drop_table(&table.stored))?;
        Ok(stats)
    }

    /// Copies rows that stay of a table that gives way into the one that takes
    /// its place. Not where rows are appended: they would come again.
    fn carry_over(&mut self, table: &mut Table) -> Result<(), DestinationError> {
        let gives_way = matches!(table.origin, Origin::Staged)
            && table.write.disposition != WriteDisposition::Append;
        let Some(part) = table.unread.take().filter(|_| gives_way) else {
            return Ok(());
        };
        let (dataset, name) = (self.dataset, table.name.clone());
        let action = format!("keep rows of `{name}`");
        let Some(found) = stored_name(self.connection, dataset, &name)? else {
            return Ok(());
        };
        let columns = self.stored_columns(&name, &found)?;
        if columns.place(&part.column).is_none() {
            return Ok(());
        }
        let added = table.columns.extend(&columns);
        for column in added.map_err(|error| self.refused(&name, error))? {
            self.run(&action, &dataset.add_column(&table.stored, &column))?;
        }
        let sql = format!(
            "INSERT INTO {} BY NAME SELECT * FROM {} t WHERE {}",
            dataset.table(&table.stored),
            dataset.table(&found),
            is_of(&part)
        );
        self.run(&action, &sql)
    }

    /// The query that counts the rows of this load in a table.
    pub(super) fn count_of(&self, stored: &str) -> String {
        format!(
            "SELECT count(*) FROM {} WHERE {}",
            self.dataset.table(stored),
            self.of_this_load()
        )
    }
}
