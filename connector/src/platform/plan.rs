//! Validation of a selection against its endpoint.

use super::endpoint::{Endpoint, Incremental};
use super::endpoints;
use super::record::RecordMapper;
use super::watermarks;
use crate::cursor::Watermarks;
use crate::error::{Error, Result};
use crate::rows::columns::ColumnSpec;
use crate::selection::{Mode, ReadOptions, Selection};

/// Valid selection of a resource.
pub(super) struct ResourcePlan {
    pub(super) endpoint: &'static Endpoint,
    pub(super) mapper: RecordMapper,
    pub(super) columns: Vec<ColumnSpec>,
    /// Watermarks of the last read.
    pub(super) watermarks: Watermarks,
}

impl ResourcePlan {
    pub(super) fn new(selection: &Selection, options: &ReadOptions) -> Result<Self> {
        let name = &selection.resource;
        let Some(endpoint) = endpoints::find(name) else {
            return Err(Error::config(
                format!("the resource `{name}` does not exist"),
                "list the resources to see their names",
            ));
        };
        let refuse =
            |problem: &str, hint: &str| Err(Error::config(format!("`{name}` {problem}"), hint));
        if selection.filter.is_some() {
            return refuse("cannot be read with a condition", "remove `where`");
        }
        if selection.start.is_some() || selection.end.is_some() {
            return refuse(
                "cannot be limited to values of its cursor column",
                "remove `start` and `end`; the first day of usage is `usage_from`",
            );
        }
        if selection.keys {
            return refuse(
                "reports deleted rows only if it is read in full",
                "remove `deletes` or `mode`",
            );
        }
        let cursor_column = cursor_column(endpoint);
        match selection.mode {
            Mode::Changes => {
                return refuse("has no change feed", "remove `mode`");
            }
            Mode::Incremental if cursor_column.is_none() => {
                return refuse("can only be read in full", "remove `mode`");
            }
            Mode::Full | Mode::Incremental => {}
        }
        if let (Some(requested), Some(column)) = (&selection.cursor_column, cursor_column)
            && !requested.eq_ignore_ascii_case(column)
        {
            return refuse(
                &format!("does not support the cursor column `{requested}`"),
                &format!("its cursor column is `{column}`"),
            );
        }
        let has_lag = selection.lag.is_some_and(|lag| lag.amount > 0.0);
        if selection.mode == Mode::Incremental && !selection.idempotent && has_lag {
            return refuse(
                "would append the records within the `lag` again on each run",
                "set `write` to `merge`, or remove `lag`",
            );
        }
        // The watermark is known only after all records were received.
        if options.resumable
            && selection.mode == Mode::Incremental
            && !selection.idempotent
            && endpoint.incremental != Some(Incremental::Days)
        {
            return refuse(
                "would append rows twice when an interrupted run resumes",
                "set `write` to `merge`, or remove `consistency`",
            );
        }
        let mapper = RecordMapper::new(endpoint, &selection.columns)?;
        let columns = mapper.columns(&selection.types)?;
        let watermarks = match selection.mode {
            Mode::Incremental => watermarks::watermarks(selection.cursor.as_ref(), name)?,
            Mode::Full | Mode::Changes => Watermarks::new(),
        };
        Ok(Self {
            endpoint,
            mapper,
            columns,
            watermarks,
        })
    }
}

/// Returns the cursor column of an endpoint that can be read incrementally.
#[must_use]
pub fn cursor_column(endpoint: &Endpoint) -> Option<&'static str> {
    Some(match endpoint.incremental? {
        Incremental::Days => "from",
        Incremental::NewestFirst(column) | Incremental::Unordered(column) => column,
    })
}
