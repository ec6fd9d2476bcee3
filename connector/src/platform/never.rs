//! What is never stored: fields whose names say that they hold a secret,
//! wherever in a record they are.
//!
//! No GET of the API is documented to give a secret away, but older ones did
//! (`Token` of an invitation), the command line knows more than the document
//! (`stripe_id`), and what an answer holds tomorrow nobody knows. To leave out
//! too much costs a field that nobody has documented; to leave out too little
//! costs a credential.

/// Parts of names, in lower case and without what separates words.
const PARTS: [&str; 17] = [
    // Credentials of databases, groups, users and invitations.
    "token",
    "jwt",
    "bearer",
    "authorization",
    "credential",
    // What else people log in with.
    "secret",
    "password",
    "passwd",
    "passphrase",
    "cookie",
    "session",
    // Keys that open something. Not every key: `primary_key` opens nothing.
    "apikey",
    "accesskey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    // The account at the payment provider.
    "stripe",
];

/// Whether a field of this name is never stored.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    PARTS.iter().any(|part| plain.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::endpoint::Source;
    use crate::platform::endpoints::ENDPOINTS;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "token",
            "Token",
            "jwt",
            "accessToken",
            "access_token",
            "client-secret",
            "PASSWORD",
            "api_key",
            "apiKey",
            "stripe_id",
            "encryption_key",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "key",
            "primary_key",
            "name",
            "encryption_cipher",
            "exp",
            "auth_role_id",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn no_column_is_one_that_is_never_stored() {
        for endpoint in ENDPOINTS {
            for column in endpoint.all_columns() {
                assert!(!is_secret(column.name), "{}", column.name);
                if let Source::Fields(fields) = column.source {
                    let mut parts = fields.iter().flat_map(|field| field.split('.'));
                    assert!(!parts.any(is_secret), "{}", column.name);
                }
            }
        }
    }
}
