//! Brings the rows of a load together with those that are there: looks at
//! every older file, and writes anew only those in which a row changes.
//! Nothing that is there is touched; the manifest says which files count.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::arrived::Compared;
use super::merge::{Merge, Old, Verdict};
use super::rewrite::Rewrite;
use super::stored::{Judge, Stamp, Stored};
use super::sweep::STAGED;
use super::table::Table;
use super::value::{Row, Value};
use super::{Place, manifest, part};
use crate::destination::WriteStats;
use crate::destination::columns::Columns;
use crate::model::{LoadId, UnreadPart, WriteDisposition};

/// Brings a table together, once all its rows are written.
pub(super) fn bring_together(
    place: &Place,
    load: &LoadId,
    table: &mut Table,
) -> io::Result<WriteStats> {
    let arrived: u64 = table.written.iter().map(|file| file.rows).sum();
    let mut stats = WriteStats {
        written: arrived,
        ..WriteStats::default()
    };
    let unread = table.unread.take();
    let carried = match (&unread, table.replaced.take()) {
        // Appended, they would come again.
        (Some(part), Some(replaced)) if table.write.disposition != WriteDisposition::Append => {
            carry_over(place, load, table, part, replaced)?
        }
        _ => Vec::new(),
    };
    let Some((compared, mut merge)) = table.take_merge() else {
        table.written.extend(carried);
        return Ok(stats);
    };
    let unread = unread.and_then(|part| InPart::new(part, &table.columns));
    let unread = unread.as_ref();
    if !merge.groups {
        stats.superseded = merge.arrived.superseded();
    }

    let (mut kept, mut touched) = (Vec::new(), Vec::new());
    for file in std::mem::take(&mut table.kept) {
        let changes = is_touched(&place.root, &file, table, &compared, &mut merge, unread);
        if of(&file, changes)? {
            touched.push(file);
        } else {
            kept.push(file);
        }
    }
    table.kept = kept;

    let mut copy = Copy {
        rewrite: Rewrite::new(place, table.columns.clone()),
        stamp: compared.own().map(|column| Stamp {
            column,
            time: load.micros(),
        }),
        load,
        rows: 0,
    };
    for file in touched {
        let judge = &mut |row: &dyn Row| {
            let old = look(row, &compared, &merge, unread)?;
            Ok(merge.judge_old(old, &mut stats))
        };
        let copied = copy.file(&place.root, &file, table, judge);
        of(&file, copied)?;
    }
    if !merge.all_new_stay() {
        stats.written = 0;
        let mut at = 0;
        let staged = place.root.join(STAGED);
        for file in std::mem::take(&mut table.written) {
            let judge = &mut |row: &dyn Row| {
                let verdict = merge.judge_new(compared.key(row)?, at, &mut stats);
                at += 1;
                Ok(verdict)
            };
            let copied = copy.file(&staged, &file, table, judge);
            of(&file, copied)?;
        }
    }
    table.written.extend(copy.finish()?);
    table.written.extend(carried);
    Ok(stats)
}

/// Copies rows that stay of a table that gives way.
fn carry_over(
    place: &Place,
    load: &LoadId,
    table: &mut Table,
    part: &UnreadPart,
    replaced: manifest::Table,
) -> io::Result<Vec<manifest::File>> {
    let columns = Columns::stored(replaced.columns);
    if columns.place(&part.column).is_none() {
        return Ok(Vec::new());
    }
    let widened = table.columns.extend(&columns);
    widened.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let part = InPart::new(part.clone(), &table.columns);
    let mut copy = Copy {
        rewrite: Rewrite::new(place, table.columns.clone()),
        stamp: None,
        load,
        rows: 0,
    };
    for file in replaced.files {
        let judge = &mut |row: &dyn Row| {
            let stays = part.as_ref().map_or(Ok(false), |part| part.has(row))?;
            Ok(if stays { Verdict::Keep } else { Verdict::Drop })
        };
        let copied = copy.file(&place.root, &file, table, judge);
        of(&file, copied)?;
    }
    copy.finish()
}

/// Tells the rows of a part that was not read.
struct InPart {
    column: usize,
    values: HashSet<String>,
}

impl InPart {
    fn new(part: UnreadPart, columns: &Columns) -> Option<Self> {
        Some(Self {
            column: columns.place(&part.column)?,
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

/// Whether something becomes of a row of a file.
fn is_touched(
    root: &Path,
    file: &manifest::File,
    table: &Table,
    compared: &Compared,
    merge: &mut Merge,
    unread: Option<&InPart>,
) -> io::Result<bool> {
    let format = part::format(&file.path)?;
    let mut places = compared.places();
    places.extend(unread.map(|part| part.column));
    let path = root.join(&file.path);
    let mut stored = Stored::open(&path, format, &table.columns, Some(&places))?;
    let (mut touched, mut seen) = (false, 0);
    loop {
        let judge = &mut |row: &dyn Row| {
            seen += 1;
            let old = look(row, compared, merge, unread)?;
            touched |= merge.notice(old);
            Ok(Verdict::Drop)
        };
        let more = stored.next(None, judge)?.is_some();
        if !more {
            expect(file.rows, seen, "read")?;
        }
        // Of versions each is looked at: it may make the new one needless.
        if !more || (touched && merge.write != WriteDisposition::Scd2) {
            return Ok(touched);
        }
    }
}

fn look(
    row: &dyn Row,
    compared: &Compared,
    merge: &Merge,
    unread: Option<&InPart>,
) -> io::Result<Old> {
    let (key, went) = (compared.key(row)?, compared.went(row)?);
    let matters = !went && key.is_some_and(|key| merge.arrived.rows.contains_key(&key));
    let content = if matters {
        compared.content(row)?
    } else {
        None
    };
    Ok(Old {
        key,
        content,
        went,
        is_unread: unread.map_or(Ok(false), |part| part.has(row))?,
    })
}

/// Rows on their way into files of this load.
struct Copy<'a> {
    rewrite: Rewrite<'a>,
    stamp: Option<Stamp>,
    load: &'a LoadId,
    /// How many were copied.
    rows: u64,
}

impl Copy<'_> {
    /// Copies the rows of a file that stay.
    fn file(
        &mut self,
        root: &Path,
        file: &manifest::File,
        table: &mut Table,
        judge: &mut Judge,
    ) -> io::Result<()> {
        let format = part::format(&file.path)?;
        let mut stored = Stored::open(&root.join(&file.path), format, &table.columns, None)?;
        let (mut seen, rows, stamp) = (0, &mut self.rows, self.stamp);
        let judge = &mut |row: &dyn Row| {
            let verdict = judge(row)?;
            seen += 1;
            *rows += u64::from(verdict != Verdict::Drop);
            Ok(verdict)
        };
        while let Some(piece) = stored.next(stamp, judge)? {
            let name = &mut |format| table.next_path(self.load, format);
            self.rewrite.take(format, piece, name)?;
        }
        expect(file.rows, seen, "read")
    }

    fn finish(self) -> io::Result<Vec<manifest::File>> {
        let files = self.rewrite.finish()?;
        expect(
            self.rows,
            files.iter().map(|file| file.rows).sum(),
            "written",
        )?;
        Ok(files)
    }
}

/// A row that is lost on the way must not be missed by the commit.
fn expect(rows: u64, found: u64, done: &str) -> io::Result<()> {
    if rows == found {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{found} rows were {done}, and not {rows}"),
    ))
}

/// An error with the file that it is about.
fn of<T>(file: &manifest::File, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.path)))
}
