//! The shapes of a script: what the connector does when it is called. A test
//! writes it into the connector's config.

use serde::Deserialize;

/// What each function does. One that has no script does nothing and succeeds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Script {
    /// Each step becomes a finding that says how it went.
    pub(crate) check: Vec<Step>,
    pub(crate) list: List,
    /// Before a read is opened.
    pub(crate) read: Vec<Step>,
    /// What the reader yields, one after the other; nothing after the last.
    pub(crate) events: Vec<Event>,
}

/// One thing to try.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Sends a request, and reads the whole answer.
    Request(Request),
    /// Sends a request so many times, and reads no answer.
    Unread(Request, u32),
    /// Asks for a secret of this name.
    Secret(String),
    /// Computes for ever.
    Loop,
    /// Calls the host for ever.
    CallTheHost,
    /// Waits for ever.
    Sleep,
    /// Calls itself until the stack ends.
    Recurse,
    /// Takes memory until there is none: in MiB at once.
    Grow(u32),
    /// Asks for ever which of so many handles, all of them one, is ready.
    Poll(u32),
    /// Takes so many handles.
    Handles(u32),
    /// Logs a text.
    Say(String),
    /// So many messages of so many bytes.
    Log(u32, u32),
    /// So many times so many random bytes.
    Random(u32, u64),
    /// Prints a text to standard error.
    Print(String),
    /// Panics with a message.
    Panic(String),
    /// Ends the process, with this code.
    Exit(i32),
}

/// A request, spelled as the test wants it. `{name}` in any text stands for
/// the reference to the secret of this name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    pub(crate) method: Option<String>,
    pub(crate) scheme: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    /// One header so many times, each time under another name.
    pub(crate) header_flood: u32,
    /// One header of so many bytes.
    pub(crate) header_bytes: u32,
    pub(crate) body: Option<String>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Keeps what it got of a response, and goes on, when the rest is refused.
    pub(crate) keep: bool,
}

/// What is listed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct List {
    pub(crate) steps: Vec<Step>,
    pub(crate) resources: Vec<Resource>,
    /// So many resources more, of the shape of the first.
    pub(crate) copies: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    pub(crate) name: String,
    /// An Arrow schema message, in base64.
    pub(crate) schema: String,
    #[serde(default)]
    pub(crate) primary_key: Vec<String>,
    pub(crate) parent: Option<String>,
}

/// What the rows of a page are.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    #[default]
    Rows,
    Changes,
    Keys,
}

/// One event of a read. Bytes are in base64.
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
        /// Columns, and those that they belong to.
        #[serde(default)]
        siblings: Vec<(String, String)>,
        /// The key and the siblings so many times.
        copies: Option<u32>,
    },
    Page {
        resource: String,
        #[serde(default)]
        kind: Kind,
        rows: u64,
        batch: String,
        /// A cursor of so many bytes.
        cursor: Option<u64>,
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
    /// Resources and how many rows of each were sent.
    Done(Vec<(String, u64)>),
    /// The same of one resource, a part of which was not read.
    DoneWithout {
        resource: String,
        rows: u64,
        column: String,
        values: Vec<String>,
        /// The values so many times.
        copies: Option<u32>,
    },
    /// No event yet: does this first.
    Step(Step),
}
