//! Mistakes in allow rules.

/// A mistake in an allow rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// An origin that is not scheme, host and port.
    #[error("`{origin}` is not an origin: {reason}")]
    Origin {
        /// The origin as written.
        origin: String,
        /// The mistake.
        reason: String,
    },
    /// A method that is not a token, or CONNECT: requests inside a tunnel could
    /// not be checked.
    #[error("`{0}` is not an HTTP method that a rule can grant")]
    Method(String),
    /// A path that does not begin with `/` or `*`.
    #[error("`{0}` is not a path: it must begin with `/` or `*`")]
    Path(String),
    /// A header that belongs to the host, or a malformed name.
    #[error("`{0}` is not a header that a rule can name: it is malformed, or the host sets it")]
    Header(String),
}
