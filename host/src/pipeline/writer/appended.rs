//! Notes about appended rows that the table may have already. Refuses nothing:
//! an operator may want them.

use super::run_state::RunState;
use super::table_state::TableState;
use crate::model::{ReadMode, WriteDisposition, names};

impl RunState<'_> {
    /// Returns notes about rows that were appended to an existing table, which
    /// may have them already.
    pub(super) fn append_notes(&self, resource: &str) -> Vec<String> {
        let open = self.resources.get(resource).map(|open| &open.own);
        let appends = |table: &&TableState| {
            let plan = table.plan();
            plan.disposition == WriteDisposition::Append && !plan.full_refresh
        };
        let Some(table) = open.filter(appends) else {
            return Vec::new();
        };
        let mut notes = Vec::new();
        if table.existed && table.totals.rows > 0 {
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
            notes.push(format!(
                "the pipeline `{other}` also loads `{resource}` into this dataset; rows that both \
                 append are stored twice"
            ));
        }
        notes
    }
}
