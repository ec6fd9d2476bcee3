//! Notes about rows that are added to those of earlier loads or of other pipelines.
//! Refuses nothing: an operator may want them.

use super::run_state::RunState;
use crate::model::{ReadMode, WriteDisposition, names};

impl RunState<'_> {
    /// Returns notes about rows that were added to an existing table, which may
    /// have them already.
    pub(super) fn append_notes(&self, resource: &str) -> Vec<String> {
        let open = self.resources.get(resource).map(|open| &open.own);
        let Some(table) = open.filter(|table| table.plan().keeps_table()) else {
            return Vec::new();
        };
        let appends = table.plan().disposition == WriteDisposition::Append;
        let mut notes = Vec::new();
        if appends && table.existed && table.totals.rows > 0 {
            if table.plan().mode() == ReadMode::Full {
                notes.push(
                    "all rows were added to those of earlier loads, because `mode` is `full` and \
                     `write` is `append`"
                        .to_owned(),
                );
            } else if self.cursor_before(resource).is_none() {
                notes.push(
                    "the read had no saved cursor, and its rows were added to an existing table; \
                     rows that earlier loads stored are stored twice, and a full refresh replaces \
                     them"
                        .to_owned(),
                );
            }
        }
        let others = names::find_in(&self.header.other_pipelines, resource);
        for other in others.into_iter().flatten() {
            let effect = if appends {
                "rows that both append are stored twice"
            } else {
                "rows with the same key replace each other"
            };
            notes.push(format!(
                "the pipeline `{other}` also loads `{resource}` into this dataset; {effect}, unless \
                 one of them has another `dataset`"
            ));
        }
        notes
    }
}
