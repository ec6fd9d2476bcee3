//! Combines the rows of a load with those of earlier loads. Reads every older
//! file of a table, and rewrites only files in which a row changes. Must not
//! change a file; the manifest decides which files count.

use std::collections::HashSet;
use std::io;

use super::data_file;
use super::file_rows::{CombineError, FileRows, expect_rows};
use super::io_error::invalid_data;
use super::manifest::{ManifestFile, ManifestTable};
use super::merge::{EarlierRow, Merge};
use super::received::ComparedColumns;
use super::rewrite::Rewrite;
use super::row::{Row, Value};
use super::row_action::{DecideRow, EndTime, RowAction};
use super::staged_table::StagedTable;
use super::store::Store;
use crate::destination::columns::Columns;
use crate::destination::table_write::WriteStats;
use crate::model::{LoadId, UnreadPart, WriteDisposition};

/// Combines a table with its earlier rows, once all its rows are staged. Returns
/// the merge that was done, if rows are compared.
pub(super) fn apply_table(
    store: &dyn Store,
    load: &LoadId,
    table: &mut StagedTable,
) -> Result<(WriteStats, Option<Merge>), CombineError> {
    let mut stats = WriteStats {
        written: table.written.iter().map(|file| file.rows).sum(),
        ..WriteStats::default()
    };
    let unread = table.unread.take();
    let carried_over = match (&unread, table.replaced.take()) {
        // Appended rows are not carried over: they would be duplicates.
        (Some(part), Some(replaced)) if table.write.disposition != WriteDisposition::Append => {
            carry_over(store, table, part, replaced)?
        }
        _ => Vec::new(),
    };
    let Some((compared, mut merge)) = table.take_merge() else {
        widen(store, table)?;
        table.written.extend(carried_over);
        return Ok((stats, None));
    };
    let unread = unread.and_then(|part| UnreadRows::new(part, &table.columns));

    let (mut kept, mut rewritten) = (Vec::new(), Vec::new());
    for file in std::mem::take(&mut table.kept) {
        let unread = unread.as_ref();
        if announce_file(store, &file, table, &compared, &mut merge, unread)? {
            rewritten.push(file);
        } else {
            kept.push(file);
        }
    }
    table.kept = kept;
    if !merge.grouped {
        stats.superseded = merge.received.superseded();
    }

    let mut copy = Copy {
        rewrite: Rewrite::new(store, table.columns.clone()),
        end_time: compared.end().map(|column| EndTime {
            column,
            micros: load.micros(),
        }),
        rows: 0,
    };
    for file in rewritten {
        let decide = &mut |row: &dyn Row| {
            let row = earlier_row(row, &compared, &merge, unread.as_ref())?;
            Ok(merge.earlier_action(&row, &mut stats))
        };
        let source = FileRows::earlier(store, &file, &table.columns, None)?;
        copy.file(source, &file, table, decide)?;
    }
    if !merge.stores_all_received() {
        stats.written = 0;
        let mut index = 0;
        for file in std::mem::take(&mut table.written) {
            let decide = &mut |row: &dyn Row| {
                let action = merge.received_action(compared.key(row)?, index, &mut stats);
                index += 1;
                Ok(action)
            };
            let source = FileRows::staged(store, &file, &table.columns)?;
            copy.file(source, &file, table, decide)?;
        }
    }
    let copied = copy.finish()?;
    widen(store, table)?;
    table.written.extend(copied);
    table.written.extend(carried_over);
    Ok((stats, Some(merge)))
}

/// Copies the files of this load that lack columns, so that all of its files
/// have one schema.
fn widen(store: &dyn Store, table: &mut StagedTable) -> Result<(), CombineError> {
    let narrow = std::mem::take(&mut table.narrow_files).min(table.written.len());
    if narrow == 0 {
        return Ok(());
    }
    let mut copy = Copy {
        rewrite: Rewrite::new(store, table.columns.clone()),
        end_time: None,
        rows: 0,
    };
    for file in table.written.drain(..narrow).collect::<Vec<_>>() {
        let decide = &mut |_: &dyn Row| Ok(RowAction::Keep);
        let source = FileRows::staged(store, &file, &table.columns)?;
        copy.file(source, &file, table, decide)?;
    }
    table.written.extend(copy.finish()?);
    Ok(())
}

/// Copies rows of an unread part from a table that is replaced.
fn carry_over(
    store: &dyn Store,
    table: &mut StagedTable,
    part: &UnreadPart,
    replaced: ManifestTable,
) -> Result<Vec<ManifestFile>, CombineError> {
    let columns = Columns::from_stored(replaced.columns);
    if columns.index_of(&part.column).is_none() {
        return Ok(Vec::new());
    }
    table.columns.add_missing(&columns).map_err(invalid_data)?;
    let unread = UnreadRows::new(part.clone(), &table.columns);
    let mut copy = Copy {
        rewrite: Rewrite::new(store, table.columns.clone()),
        end_time: None,
        rows: 0,
    };
    for file in replaced.files {
        let decide = &mut |row: &dyn Row| {
            let stays = unread
                .as_ref()
                .map_or(Ok(false), |unread| unread.has(row))?;
            Ok(if stays {
                RowAction::Keep
            } else {
                RowAction::Drop
            })
        };
        let source = FileRows::earlier(store, &file, &table.columns, None)?;
        copy.file(source, &file, table, decide)?;
    }
    Ok(copy.finish()?)
}

/// Recognises the rows of a part that was not read.
struct UnreadRows {
    column: usize,
    values: HashSet<String>,
}

impl UnreadRows {
    fn new(part: UnreadPart, columns: &Columns) -> Option<Self> {
        Some(Self {
            column: columns.index_of(&part.column)?,
            values: part.values.into_iter().collect(),
        })
    }

    fn has(&self, row: &dyn Row) -> io::Result<bool> {
        Ok(match row.value(self.column)? {
            Some(Value::Text(text)) => self.values.contains(text.as_ref()),
            _ => false,
        })
    }
}

/// Announces the rows of an earlier file to a merge. Returns true if a row of
/// the file changes.
fn announce_file(
    store: &dyn Store,
    file: &ManifestFile,
    table: &StagedTable,
    compared: &ComparedColumns,
    merge: &mut Merge,
    unread: Option<&UnreadRows>,
) -> Result<bool, CombineError> {
    let mut indices = compared.indices();
    indices.extend(unread.map(|unread| unread.column));
    let mut rows = FileRows::earlier(store, file, &table.columns, Some(&indices))?;
    let mut changes = false;
    loop {
        let decide = &mut |row: &dyn Row| {
            let row = earlier_row(row, compared, merge, unread)?;
            changes |= merge.announce_earlier(&row);
            Ok(RowAction::Drop)
        };
        let more = rows.next(None, decide)?.is_some();
        // Every version is announced, and every row that may be newer: it may
        // make the received row of its key unnecessary.
        let announces_all = merge.disposition == WriteDisposition::Scd2 || merge.ranks_stored_rows;
        if !more || (changes && !announces_all) {
            return Ok(changes);
        }
    }
}

fn earlier_row(
    row: &dyn Row,
    compared: &ComparedColumns,
    merge: &Merge,
    unread: Option<&UnreadRows>,
) -> io::Result<EarlierRow> {
    let (key, ended) = (compared.key(row)?, compared.has_ended(row)?);
    let is_received = || key.is_some_and(|key| merge.received.rows.contains_key(&key));
    let (mut content, mut rank) = (None, None);
    if !ended && is_received() {
        content = compared.content(row)?;
        if merge.ranks_stored_rows {
            rank = compared.rank(row)?;
        }
    }
    Ok(EarlierRow {
        key,
        content,
        rank,
        ended,
        is_unread: unread.map_or(Ok(false), |unread| unread.has(row))?,
    })
}

/// A copy of rows into new files of this load.
struct Copy<'a> {
    rewrite: Rewrite<'a>,
    end_time: Option<EndTime>,
    /// Number of rows that were copied.
    rows: u64,
}

impl Copy<'_> {
    /// Copies the rows of a file that stay.
    fn file(
        &mut self,
        mut source: FileRows<'_>,
        file: &ManifestFile,
        table: &mut StagedTable,
        decide: &mut DecideRow,
    ) -> Result<(), CombineError> {
        let format = data_file::format(&file.path)?;
        let (copied, end_time) = (&mut self.rows, self.end_time);
        let decide = &mut |row: &dyn Row| {
            let action = decide(row)?;
            *copied += u64::from(action != RowAction::Drop);
            Ok(action)
        };
        while let Some(rows) = source.next(end_time, decide)? {
            let next_path = &mut |format| table.next_path(format);
            self.rewrite.write(format, rows, next_path)?;
        }
        Ok(())
    }

    fn finish(self) -> io::Result<Vec<ManifestFile>> {
        let files = self.rewrite.finish()?;
        let written = files.iter().map(|file| file.rows).sum();
        expect_rows(self.rows, written, "written")?;
        Ok(files)
    }
}
