//! What can go wrong, in the categories of the contract, with what to do
//! about it. Never holds a credential: the connector has none.

use std::fmt;

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The config is wrong.
    Config,
    /// The server did not accept the token.
    Authentication,
    /// The token does not permit this.
    Permission,
    /// What was asked for does not exist.
    NotFound,
    /// The server asked to slow down.
    RateLimited,
    /// The server cannot be reached, or not now.
    Unavailable,
    /// The server answered something that its protocol does not allow.
    Protocol,
    /// A value could not be represented.
    Data,
    /// The host refused a request.
    Denied,
    /// A defect of this connector.
    Internal,
}

impl Category {
    /// What usually helps, where nothing better is known.
    #[must_use]
    pub fn default_hint(self) -> &'static str {
        match self {
            Self::Config => "see [connector.config] in the README",
            Self::Authentication => "look at the token, and when it expires",
            Self::Permission => "look at what the token may do",
            Self::NotFound => "`connector-host list` shows what is there",
            Self::RateLimited => "run again later",
            Self::Unavailable => "run again later; `connector-host check` looks at the connection",
            Self::Protocol => "is this the URL of a Turso or libSQL database?",
            Self::Data => "leave the resource or the column out, and report it",
            Self::Denied => "allow it in [[connector.allow]]",
            Self::Internal => "this is a defect of the connector; report it",
        }
    }
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What the caller can do.
    pub category: Category,
    /// What happened, to what.
    pub message: String,
    /// What the reader of the message can do.
    pub hint: Option<String>,
    /// Whether the same call may succeed when it is made again.
    pub retryable: bool,
    /// How long to wait before that, in milliseconds.
    pub retry_after: Option<u64>,
}

/// What may fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure that stays when it is tried again.
    pub fn new(category: Category, message: impl Into<String>) -> Self {
        Self {
            category,
            message: message.into(),
            hint: None,
            retryable: false,
            retry_after: None,
        }
    }

    /// The config is wrong.
    pub fn config(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Category::Config, message).hint(hint)
    }

    /// The server answered something that its protocol does not allow.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(Category::Protocol, message)
            .hint("is this the URL of a Turso or libSQL database? `connector-host check` looks")
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, as one that may pass.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
