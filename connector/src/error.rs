//! Errors in the categories of the contract, with hints. An error cannot
//! contain a credential, because the connector has none.

use std::fmt;
use std::time::Duration;

/// Category of an error, by what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// The config is not valid.
    Config,
    /// The server did not accept the token.
    Authentication,
    /// The token does not permit the request.
    Permission,
    /// The requested object does not exist.
    NotFound,
    /// The server limits the rate of requests.
    RateLimited,
    /// The server does not respond.
    Unavailable,
    /// The response violates the protocol of the server.
    Protocol,
    /// A value cannot be represented.
    Data,
    /// The host denied a request.
    Denied,
    /// The connector has a defect.
    Internal,
}

impl Category {
    /// Returns the hint for errors that have none of their own.
    #[must_use]
    pub fn default_hint(self) -> &'static str {
        match self {
            Self::Config => "compare the settings with the connector's config schema",
            Self::Authentication => "check the token and its expiry date",
            Self::Permission => "check the permissions of the token",
            Self::NotFound => "list the resources to see which exist",
            Self::RateLimited => "try again later",
            Self::Unavailable => "try again later; a check of the config tests the connection",
            Self::Protocol => "check that the URL is that of a Turso or libSQL database",
            Self::Data => "leave out the resource or the column, and report the value",
            Self::Denied => "allow the origin, method and path of the request",
            Self::Internal => "this is a defect of the connector; report it",
        }
    }
}

/// Error with its category and a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Category, by what the caller can do.
    pub category: Category,
    /// Description of the problem and its subject.
    pub message: String,
    /// Instruction for the reader of the message.
    pub hint: Option<String>,
    /// True if the same call may succeed when it is repeated.
    pub retryable: bool,
    /// Milliseconds to wait before the call is repeated.
    pub retry_after: Option<u64>,
    /// True if no connection to the server could be made.
    pub unreachable: bool,
    /// True if the server was waited for in vain for a long time.
    pub slow: bool,
    /// Origin that limits the rate of requests, if that is the cause.
    pub limited_by: Option<String>,
    /// Time for which the request has waited, if the config permits no other
    /// attempt. Then no caller may wait again.
    pub waited: Option<Duration>,
}

/// Result with the connector's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error that another attempt does not fix.
    pub fn new(category: Category, message: impl Into<String>) -> Self {
        Self {
            category,
            message: message.into(),
            hint: None,
            retryable: false,
            retry_after: None,
            unreachable: false,
            slow: false,
            limited_by: None,
            waited: None,
        }
    }

    /// Creates an error of the config.
    pub fn config(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Category::Config, message).hint(hint)
    }

    /// Creates the error for a response that violates the protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::new(Category::Protocol, message).hint(Category::Protocol.default_hint())
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Marks the error as one that another attempt may fix.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Marks the error as one of a server to which no connection could be made.
    #[must_use]
    pub fn unreachable(mut self) -> Self {
        self.unreachable = true;
        self
    }

    /// Marks the error as one after a long wait.
    #[must_use]
    pub fn slow(mut self) -> Self {
        self.slow = true;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
