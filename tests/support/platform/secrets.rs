//! Fields that no destination may hold, and the canary values by which tests
//! find them. It does not know where the fields are served.

/// Reason for not storing a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// Credential. It must never be stored.
    Secret,
    /// Personal data, or a link that needs no login. It must not be stored
    /// unless a user requests it.
    Private,
}

/// Fields by name. Some occur only in responses that must never be requested, and
/// some only in requests.
const FIELDS: [(&str, Reason); 16] = [
    ("stripe_id", Reason::Secret),
    ("Token", Reason::Secret),
    ("token", Reason::Secret),
    ("jwt", Reason::Secret),
    ("access_token", Reason::Secret),
    ("encryption_key", Reason::Secret),
    ("invoice_pdf", Reason::Private),
    ("hosted_invoice_url", Reason::Private),
    ("query", Reason::Private),
    ("ip", Reason::Private),
    ("latitude", Reason::Private),
    ("longitude", Reason::Private),
    ("city", Reason::Private),
    ("country_code", Reason::Private),
    ("tax_id", Reason::Private),
    ("billing_address", Reason::Private),
];

/// Prefix of every value of a secret field.
pub const SECRET: &str = "canary-secret-";
/// Part of every value of a private field.
pub const PRIVATE: &str = "canary-private-";

/// Returns the names of the fields with this reason.
pub fn fields(reason: Reason) -> impl Iterator<Item = &'static str> {
    FIELDS
        .into_iter()
        .filter(move |(_, found)| *found == reason)
        .map(|(name, _)| name)
}

/// Returns the value of a secret field.
pub(super) fn secret(field: &str) -> String {
    format!("{SECRET}{field}")
}

/// Returns the value of a private field.
pub(super) fn private(field: &str) -> String {
    format!("{PRIVATE}{field}")
}
