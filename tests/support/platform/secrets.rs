//! Fields that no destination may hold, and the values by which a test finds
//! them there. It does not say where they are served.

/// Why a field is not to be stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It opens a door, or leads to one that does: never.
    Secret,
    /// It is about a person, or a link that anyone can follow: not unless a
    /// user asks for it.
    Private,
}

/// Such fields, by their name. Some are only in answers that must never be
/// asked for, and some only in requests.
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

/// What every value of a secret field begins with.
pub const SECRET: &str = "canary-secret-";
/// What every value of a private field has in it.
pub const PRIVATE: &str = "canary-private-";

/// The names of the fields that are not to be stored for this reason.
pub fn fields(reason: Reason) -> impl Iterator<Item = &'static str> {
    let of = move |(name, why): (&'static str, Reason)| (why == reason).then_some(name);
    FIELDS.into_iter().filter_map(of)
}

/// The value of a secret field.
pub(super) fn secret(field: &str) -> String {
    format!("{SECRET}{field}")
}

/// The value of a private field.
pub(super) fn private(field: &str) -> String {
    format!("{PRIVATE}{field}")
}
