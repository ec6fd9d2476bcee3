//! Fields that are never stored, at any depth of a record: fields whose names
//! suggest a secret.
//!
//! No GET of the API is documented to return a secret. But older versions did
//! (`Token` of an invitation), Turso's command line reads fields that are not
//! documented (`stripe_id`), and responses may change. A name too many costs an
//! undocumented field; a name too few costs a credential.

/// Parts of the names of secret fields, in lower case and without separators.
const SECRET_PARTS: [&str; 17] = [
    // Credentials of databases, groups, users and invitations.
    "token",
    "jwt",
    "bearer",
    "authorization",
    "credential",
    // Other means of logging in.
    "secret",
    "password",
    "passwd",
    "passphrase",
    "cookie",
    "session",
    // Keys that grant access. `primary_key` does not.
    "apikey",
    "accesskey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    // The account at the payment provider.
    "stripe",
];

/// Returns true for the name of a field that is never stored.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    SECRET_PARTS.iter().any(|part| plain.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::endpoint::ColumnSource;
    use crate::platform::endpoints::ENDPOINTS;

    #[test]
    fn secret_names_are_recognized_in_every_spelling() {
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
    fn no_column_reads_a_secret_field() {
        for endpoint in ENDPOINTS {
            for column in endpoint.all_columns() {
                assert!(!is_secret(column.name), "{}", column.name);
                if let ColumnSource::Fields(fields) = column.source {
                    let mut parts = fields.iter().flat_map(|field| field.split('.'));
                    assert!(!parts.any(is_secret), "{}", column.name);
                }
            }
        }
    }
}
