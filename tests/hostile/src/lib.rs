//! Connector that attacks its host. Its config is a [`script`](mod@script) of a
//! test. The connector itself knows no target.
//!
//! Reading order: [`script`](mod@script) (the steps), this file (the functions of a
//! connector), [`step`] and [`request`] (running a step).

mod bindings;
mod request;
mod script;
mod step;

use std::cell::RefCell;
use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::bindings::exports::connector::source::source as wit;
use crate::request::Failure;
use crate::script::{Event, Kind, Script, Step};

/// Implementation of the connector.
struct Hostile;

/// Read with its remaining events.
struct Reader {
    events: RefCell<VecDeque<Event>>,
    selections: Vec<wit::Selection>,
}

impl wit::Guest for Hostile {
    type Reader = Reader;

    fn describe() -> wit::Descriptor {
        wit::Descriptor {
            name: "hostile".to_owned(),
            version: "0".to_owned(),
            config_schema: "{}".to_owned(),
            secrets: ["token", "other"]
                .map(|name| wit::SecretRequest {
                    name: name.to_owned(),
                    purpose: "to be stolen".to_owned(),
                    required: false,
                })
                .into(),
            origins: Vec::new(),
        }
    }

    fn check(config: String) -> Result<Vec<wit::Finding>, wit::Error> {
        let finding = |(number, outcome): (usize, String)| wit::Finding {
            subject: number.to_string(),
            severity: wit::Severity::Info,
            message: outcome,
            hint: None,
        };
        let outcomes = run(&script(&config)?.check)?;
        Ok(outcomes.into_iter().enumerate().map(finding).collect())
    }

    fn list_resources(config: String) -> Result<Vec<wit::Resource>, wit::Error> {
        let list = script(&config)?.list;
        run(&list.steps)?;
        let mut resources = list.resources;
        for copy in 0..list.copies {
            let mut resource = resources[0].clone();
            resource.name = format!("{}{copy}", resource.name);
            resources.push(resource);
        }
        resources.into_iter().map(resource).collect()
    }

    fn read(
        config: String,
        selections: Vec<wit::Selection>,
        _: wit::ReadOptions,
    ) -> Result<wit::Reader, wit::Error> {
        let script = script(&config)?;
        run(&script.read)?;
        Ok(wit::Reader::new(Reader {
            events: RefCell::new(script.events.into()),
            selections,
        }))
    }
}

impl wit::GuestReader for Reader {
    fn next(&self) -> Result<Option<wit::Event>, wit::Error> {
        loop {
            let next = self.events.borrow_mut().pop_front();
            match next {
                None => return Ok(None),
                Some(Event::Step(step)) => drop(run(&[step])?),
                Some(Event::DoneWith(resources)) => return Ok(Some(self.done_with(resources))),
                Some(other) => return event(other).map(Some),
            }
        }
    }
}

impl Reader {
    fn done_with(&self, resources: Vec<script::Summary>) -> wit::Event {
        let given = |selection: &wit::Selection| {
            let cursor = selection.cursor.as_ref()?;
            let value = String::from_utf8_lossy(&cursor.value);
            Some(format!("given {} {value}", cursor.version))
        };
        let notes: Vec<_> = self.selections.iter().filter_map(given).collect();
        let resource = |result: script::Summary| wit::ResourceSummary {
            failure: result
                .failure
                .map(|message| error(wit::Category::Unavailable, &message)),
            cursor: result.at.map(cursor),
            figures: result.source_rows.map(|rows| wit::Figures {
                rows,
                checksum: None,
            }),
            notes: notes.clone(),
            ..summary((result.resource, result.rows))
        };
        wit::Event::Done(wit::Summary {
            resources: resources.into_iter().map(resource).collect(),
            requests: 0,
            point_in_time: true,
        })
    }
}

fn cursor((version, text): script::Position) -> wit::Cursor {
    wit::Cursor {
        version,
        value: text.into_bytes(),
    }
}

fn script(config: &str) -> Result<Script, wit::Error> {
    serde_json::from_str(config).map_err(|wrong| error(wit::Category::Config, &wrong.to_string()))
}

/// Runs steps up to the first failure.
fn run(steps: &[Step]) -> Result<Vec<String>, wit::Error> {
    steps
        .iter()
        .map(|step| step::run(step).map_err(|failure| failed(&failure)))
        .collect()
}

fn failed(failure: &Failure) -> wit::Error {
    let category = if failure.denied {
        wit::Category::Denied
    } else {
        wit::Category::Unavailable
    };
    error(category, &failure.reason)
}

fn error(category: wit::Category, message: &str) -> wit::Error {
    wit::Error {
        category,
        message: message.to_owned(),
        hint: None,
        retryable: false,
        retry_after: None,
    }
}

fn resource(r: script::Resource) -> Result<wit::Resource, wit::Error> {
    Ok(wit::Resource {
        name: r.name,
        kind: crate::bindings::connector::source::types::ResourceKind::Table,
        description: None,
        schema: bytes(&r.schema)?,
        primary_key: r.primary_key,
        cursor_fields: Vec::new(),
        modes: vec![wit::Mode::Full],
        parent: r.parent,
        by_default: true,
        estimated_rows: None,
    })
}

fn repeated<T: Clone>(items: &[T], times: usize) -> Vec<T> {
    let count = items.len() * times;
    items.iter().cycle().take(count).cloned().collect()
}

impl From<Kind> for wit::PageKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Rows => Self::Rows,
            Kind::Changes => Self::Changes,
            Kind::Keys => Self::Keys,
        }
    }
}

fn event(event: Event) -> Result<wit::Event, wit::Error> {
    Ok(match event {
        Event::Schema {
            resource,
            kind,
            schema,
            primary_key,
            siblings,
            copies,
        } => {
            let times = copies.unwrap_or(1) as usize;
            let sibling = |(name, column)| wit::Sibling { name, column };
            let siblings: Vec<_> = siblings.into_iter().map(sibling).collect();
            wit::Event::Schema(wit::SchemaEvent {
                resource,
                kind: kind.into(),
                schema: bytes(&schema)?,
                primary_key: repeated(&primary_key, times),
                siblings: repeated(&siblings, times),
            })
        }
        Event::Page {
            resource,
            kind,
            rows,
            batch,
            cursor: size,
            at,
        } => wit::Event::Page(wit::Page {
            resource,
            kind: kind.into(),
            rows,
            batch: bytes(&batch)?,
            cursor: at.map(cursor).or_else(|| {
                size.map(|size| wit::Cursor {
                    version: 1,
                    value: vec![0; usize::try_from(size).unwrap_or(usize::MAX)],
                })
            }),
        }),
        Event::Rejected {
            resource,
            record,
            reason,
        } => wit::Event::Rejected(wit::Rejected {
            resource,
            record,
            reason,
        }),
        Event::Progress { resource } => wit::Event::Progress(wit::Progress {
            resource: Some(resource),
            rows: u64::MAX,
            estimated_rows: Some(0),
            waiting: None,
        }),
        Event::Restarted(reason) => wit::Event::Restarted(reason),
        Event::Done(resources) => wit::Event::Done(wit::Summary {
            resources: resources.into_iter().map(summary).collect(),
            requests: 0,
            point_in_time: true,
        }),
        Event::DoneWithout {
            resource,
            rows,
            column,
            values,
            copies,
        } => wit::Event::Done(wit::Summary {
            resources: vec![wit::ResourceSummary {
                unread: Some(wit::Unread {
                    column,
                    values: repeated(&values, copies.unwrap_or(1) as usize),
                    failure: None,
                    failures: Vec::new(),
                }),
                ..summary((resource, rows))
            }],
            requests: 0,
            point_in_time: true,
        }),
        // `next` handles these itself.
        Event::Step(_) | Event::DoneWith(_) => {
            return Err(error(
                wit::Category::Internal,
                "the event is not known here",
            ));
        }
    })
}

fn summary((resource, rows): (String, u64)) -> wit::ResourceSummary {
    wit::ResourceSummary {
        resource,
        rows,
        rejected: 0,
        misfits: 0,
        rows_billed: None,
        requests: 0,
        failure: None,
        unread: None,
        notes: Vec::new(),
        cursor: None,
        figures: None,
    }
}

fn bytes(base64: &str) -> Result<Vec<u8>, wit::Error> {
    STANDARD
        .decode(base64)
        .map_err(|wrong| error(wit::Category::Config, &wrong.to_string()))
}
