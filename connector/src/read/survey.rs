//! Asks the server, before anything is read, what the reads will cost: whether
//! an index has the cursor column, and which phases have any row at all. All
//! in two requests, however many tables there are, inside of the transaction
//! that is read.

use std::cmp::Ordering;

use super::increment::Phase;
use super::plan::{How, Plan, Target};
use crate::cursor;
use crate::database::identifier;
use crate::database::statement;
use crate::database::stream::Stream;
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, ValueRows};
use crate::rows::value::Value;

/// Questions in one request; more would only make one answer long.
const AT_ONCE: usize = 200;

/// Settles how everything is read that goes on from somewhere, and refuses
/// what would cost more than it may.
pub(super) fn survey(stream: &mut Stream, plan: &mut Plan, resumable: bool) -> Result<(), Failure> {
    let indexed = has_index(stream, plan)?;
    let mut questions = Questions::default();
    for (at, target) in plan.targets.iter_mut().enumerate() {
        let How::Increment(increment) = &target.how else {
            // Of a table that is followed, only its changes are read.
            let is_followed = matches!(target.how, How::Followed(_));
            if target.max_rows_billed.is_some() && !is_followed {
                questions.size(at, target);
            }
            continue;
        };
        let by_order = indexed[at] && (increment.continues() || resumable);
        match increment.cursor_column() {
            Some(column) if !by_order => {
                target.is_scan = increment.continues();
                target.phases = [increment.unordered(column)?].into();
                if target.is_scan || target.max_rows_billed.is_some() {
                    questions.size(at, target);
                }
            }
            None => {
                let continues = increment.continues();
                target.phases = increment.ordered()?.into();
                if continues || target.max_rows_billed.is_some() {
                    questions.size(at, target);
                }
            }
            Some(_) => {
                let continues = increment.continues();
                target.phases = increment.ordered()?.into();
                if continues {
                    questions.phases(at, target);
                }
            }
        }
    }
    let answers = ask(stream, &questions.statements)?;
    questions.settle(&answers, plan);
    Ok(())
}

/// Of each target, whether the server has its cursor column in order.
fn has_index(stream: &mut Stream, plan: &Plan) -> Result<Vec<bool>, Failure> {
    let mut indexed = vec![false; plan.targets.len()];
    let mut asked = Vec::new();
    for (at, target) in plan.targets.iter().enumerate() {
        if let How::Increment(increment) = &target.how
            && increment.cursor_column().is_some()
            && let Some(phase) = increment.ordered()?.last()
        {
            asked.push((at, phase.explain()));
        }
    }
    let statements: Vec<_> = asked
        .iter()
        .map(|(_, statement)| statement.clone())
        .collect();
    for ((at, _), answer) in asked.iter().zip(ask(stream, &statements)?) {
        // The last column says it in words: `SEARCH t USING INDEX i (c>?)`.
        let details: Vec<_> = answer
            .rows
            .iter()
            .filter_map(|row| row.last()?.as_text())
            .collect();
        let searches = details.iter().any(|detail| detail.starts_with("SEARCH"));
        let sorts = details.iter().any(|detail| detail.contains("TEMP B-TREE"));
        indexed[*at] = searches && !sorts;
    }
    Ok(indexed)
}

/// An answer that may have failed.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Vec<Value>>,
    billed: u64,
    pub(super) failed: bool,
}

/// What is asked of a target.
#[derive(Clone, Copy, Debug)]
enum Question {
    /// The largest row id.
    Size,
    /// Whether its phase of this index has any row.
    Phase(usize),
}

#[derive(Debug, Default)]
struct Questions {
    asked: Vec<(usize, Question)>,
    statements: Vec<Statement>,
}

impl Questions {
    fn size(&mut self, at: usize, target: &Target) {
        if let Some(key) = &target.row_id {
            self.asked.push((at, Question::Size));
            self.statements
                .push(statement::select_max_row_id(&target.resource, key));
        }
    }

    fn phases(&mut self, at: usize, target: &Target) {
        for (index, phase) in target.phases.iter().enumerate() {
            self.asked.push((at, Question::Phase(index)));
            self.statements.push(phase.probe());
        }
    }

    fn settle(&self, answers: &[Answer], plan: &mut Plan) {
        let mut empty: Vec<(usize, usize)> = Vec::new();
        for ((at, question), answer) in self.asked.iter().zip(answers) {
            let target = &mut plan.targets[*at];
            target.billed += answer.billed;
            match question {
                // Whatever is wrong is said when it is read.
                _ if answer.failed => {}
                Question::Phase(index) if answer.rows.is_empty() => empty.push((*at, *index)),
                Question::Phase(_) => {}
                Question::Size => {
                    let largest = answer.rows.first().and_then(|row| row.first()).cloned();
                    if let Err(error) = target.judge_size(&largest.unwrap_or(Value::Null)) {
                        let name = target.resource.clone();
                        plan.failed.push((name, error));
                    }
                }
            }
        }
        for (at, index) in empty.into_iter().rev() {
            plan.targets[at].phases.remove(index);
        }
        let failed: Vec<_> = plan.failed.iter().map(|(name, _)| name.clone()).collect();
        plan.targets
            .retain(|target| !failed.contains(&target.resource));
    }
}

impl Target {
    /// What its largest row id says of its cost, and of where it goes on.
    fn judge_size(&mut self, largest: &Value) -> Result<(), Error> {
        let name = &self.resource;
        let rows = largest
            .as_integer()
            .and_then(|rows| u64::try_from(rows).ok());
        let rows = rows.unwrap_or(0);
        if let How::Increment(increment) = &self.how
            && increment.cursor_column().is_none()
            && let Some(last) = self.phases.front().and_then(Phase::first_of_key)
        {
            return match largest.compare(&last) {
                Ordering::Less => Err(recreated(name, largest, &last)),
                Ordering::Equal => {
                    self.phases.clear();
                    Ok(())
                }
                Ordering::Greater => Ok(()),
            };
        }
        if let Some(most) = self.max_rows_billed.filter(|most| rows > *most) {
            return Err(Error::config(
                format!(
                    "`{name}` has about {rows} rows, all of which the server would read; \
                     at most {most} are allowed (`max_rows_read`)"
                ),
                match &self.how {
                    How::Increment(increment) if increment.continues() => format!(
                        "make an index: CREATE INDEX {name}_cursor ON {}({}); or allow more",
                        identifier::quote(name),
                        identifier::quote(increment.cursor_column().unwrap_or_default())
                    ),
                    _ => "allow more".to_owned(),
                },
            ));
        }
        if self.is_scan
            && let How::Increment(increment) = &self.how
        {
            let column = increment.cursor_column().unwrap_or_default();
            self.notes.push(format!(
                "no index has `{column}`, so all of about {rows} rows are read, and billed, on each run; \
                 CREATE INDEX {} ON {}({}) would end that",
                identifier::quote(&format!("{name}_{column}")),
                identifier::quote(name),
                identifier::quote(column)
            ));
        }
        Ok(())
    }
}

/// A table that is followed by its key, and whose key is behind.
fn recreated(name: &str, largest: &Value, last: &Value) -> Error {
    let shown = |value: &Value| match value {
        Value::Integer(value) => value.to_string(),
        _ => "nothing".to_owned(),
    };
    Error::new(
        Category::Data,
        format!(
            "the largest row id of `{name}` is {}, and rows up to {} have been read: \
             it was emptied, made anew or restored",
            shown(largest),
            shown(last)
        ),
    )
    .hint(format!(
        "{}; if rows of the table are deleted, set a cursor column (`cursor`)",
        cursor::full_refresh(name)
    ))
}

pub(super) fn ask(stream: &mut Stream, statements: &[Statement]) -> Result<Vec<Answer>, Failure> {
    let mut answers = Vec::with_capacity(statements.len());
    for some in statements.chunks(AT_ONCE) {
        let requests: Vec<_> = some.iter().cloned().map(Request::execute).collect();
        let (response, ValueRows(mut rows)) = stream.run(&requests)?;
        rows.resize_with(some.len(), Vec::new);
        let outcomes = response.outcomes.into_iter().zip(rows);
        answers.extend(outcomes.map(|(outcome, rows)| match outcome {
            Outcome::Executed(executed) => Answer {
                rows,
                billed: executed.rows_read.unwrap_or(0),
                failed: false,
            },
            _ => Answer {
                failed: true,
                ..Answer::default()
            },
        }));
    }
    Ok(answers)
}
