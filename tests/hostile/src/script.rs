//! Script that a test writes into the connector's config: the steps of each
//! function.

use serde::Deserialize;

/// Steps of each function. A function without steps succeeds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Script {
    /// Steps of `check`. The result of each becomes a finding.
    pub(crate) check: Vec<Step>,
    /// Steps and resources of `list-resources`.
    pub(crate) list: List,
    /// Steps of `read`.
    pub(crate) read: Vec<Step>,
    /// Events of the reader, in order.
    pub(crate) events: Vec<Event>,
}

/// Single action.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Sends a request and reads the whole response.
    Request(Request),
    /// Sends this many requests and reads no response.
    Unread(Request, u32),
    /// Gets the secret with this name.
    Secret(String),
    /// Computes forever.
    Loop,
    /// Calls the host forever.
    CallTheHost,
    /// Sleeps forever.
    Sleep,
    /// Recurses until the stack overflows.
    Recurse,
    /// Allocates blocks of this many MiB until an allocation fails.
    Grow(u32),
    /// Polls this many copies of one handle forever.
    Poll(u32),
    /// Creates this many handles.
    Handles(u32),
    /// Logs a text.
    Say(String),
    /// Logs this many messages of this many bytes.
    Log(u32, u32),
    /// Requests this many times this many random bytes.
    Random(u32, u64),
    /// Prints a text to standard error.
    Print(String),
    /// Panics with a message.
    Panic(String),
    /// Ends the process with this code.
    Exit(i32),
}

/// Request in the spelling of the test. `{name}` in a text stands for the
/// reference to the secret with this name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    pub(crate) method: Option<String>,
    pub(crate) scheme: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// Number of additional headers with different names.
    pub(crate) header_flood: u32,
    /// Size of an additional header.
    pub(crate) header_bytes: u32,
    pub(crate) body: Option<String>,
    pub(crate) trailers: Vec<(String, String)>,
    /// True to ignore a refusal and keep the received part of a response.
    pub(crate) keep: bool,
}

/// Script of `list-resources`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct List {
    pub(crate) steps: Vec<Step>,
    pub(crate) resources: Vec<Resource>,
    /// Number of copies of the first resource.
    pub(crate) copies: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// Arrow schema message in base64.
    pub(crate) schema: String,
    #[serde(default)]
    pub(crate) primary_key: Vec<String>,
    pub(crate) parent: Option<String>,
}

/// Kind of a page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    #[default]
    Rows,
    Changes,
    Keys,
}

/// Version and text of a cursor.
pub(crate) type Position = (u32, String);

/// Result of one resource. Its notes are the cursors of the selections.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Summary {
    pub(crate) resource: String,
    pub(crate) rows: u64,
    pub(crate) at: Option<Position>,
    /// Message of a failure.
    pub(crate) failure: Option<String>,
    /// Number of rows by the source's own count.
    pub(crate) source_rows: Option<u64>,
}

/// Event of a read. Bytes are in base64.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Schema {
        resource: String,
        #[serde(default)]
        kind: Kind,
        schema: String,
        #[serde(default)]
        primary_key: Vec<String>,
        /// Sibling columns with the columns that they belong to.
        #[serde(default)]
        siblings: Vec<(String, String)>,
        /// Number of repetitions of the key and the siblings.
        copies: Option<u32>,
    },
    Page {
        resource: String,
        #[serde(default)]
        kind: Kind,
        rows: u64,
        batch: String,
        /// Size of the cursor in bytes.
        cursor: Option<u64>,
        /// Cursor, unless it has a size only.
        at: Option<Position>,
    },
    Rejected {
        resource: String,
        record: String,
        reason: String,
    },
    Progress {
        resource: String,
    },
    Restarted(String),
    /// Resources with the number of their rows.
    Done(Vec<(String, u64)>),
    /// Number of rows of one resource, and its unread part.
    DoneWithout {
        resource: String,
        rows: u64,
        column: String,
        values: Vec<String>,
        /// Number of repetitions of the values.
        copies: Option<u32>,
    },
    /// Results of resources in detail.
    DoneWith(Vec<Summary>),
    /// Step that runs before the next event.
    Step(Step),
}
