//! Names that stores accept for tables and columns: one function per store
//! decides about length, letter case and forbidden characters.
//!
//! Each function is injective: two names that differ by more than the case of
//! ASCII letters stay different. Must not know how a name is quoted in SQL.

use std::borrow::Cow;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Maximum length of a folder name before its digest. File systems allow 255
/// bytes; this leaves room for what is added to the name.
const MAX_FOLDER_BYTES: usize = 150;
/// Bytes of the digest that distinguishes shortened names.
const DIGEST_BYTES: usize = 8;

/// A name that a store cannot hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the name `{}` {reason}", name.escape_debug())]
pub(super) struct NameError {
    name: String,
    reason: &'static str,
}

/// Returns the form of a name by which tables are compared: every store
/// ignores the case of ASCII letters.
pub(super) fn comparison_key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Returns the identifier that DuckDB stores for a name. Any length and any
/// character is allowed except NUL, at which the driver's texts end. Pipelines
/// send neither a NUL nor an empty name.
pub(super) fn duckdb(name: &str) -> Result<Cow<'_, str>, NameError> {
    let reason = if name.is_empty() {
        "is empty, which DuckDB does not accept"
    } else if name.contains('\0') {
        "contains a NUL character, which DuckDB does not store"
    } else {
        return Ok(name.into());
    };
    Err(NameError {
        name: name.to_owned(),
        reason,
    })
}

/// Returns the folder of a table or a dataset. A name of plain characters is
/// unchanged; others are percent-encoded, so that no file system folds,
/// normalises or refuses them.
pub(super) fn folder(name: &str) -> String {
    let mut folder = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        let inner_dot = byte == b'.' && index > 0 && index + 1 < name.len();
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || inner_dot {
            folder.push(char::from(byte));
        } else {
            let _ = write!(folder, "%{byte:02X}");
        }
    }
    // A name that looks like the folder of the empty name.
    if name.starts_with('-') && has_digest(name) {
        folder.replace_range(..1, "%2D");
    }
    if folder.is_empty() || folder.len() > MAX_FOLDER_BYTES {
        folder.truncate(MAX_FOLDER_BYTES);
        folder.push('-');
        for byte in &Sha256::digest(name.as_bytes())[..DIGEST_BYTES] {
            let _ = write!(folder, "{byte:02x}");
        }
    }
    folder
}

/// True if a name is a hyphen and a digest.
fn has_digest(name: &str) -> bool {
    name.len() == 1 + 2 * DIGEST_BYTES && name[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_unchanged() {
        assert_eq!(folder("orders_2024-v1.5"), "orders_2024-v1.5");
        assert_eq!(duckdb("any name.\"'").unwrap(), "any name.\"'");
    }

    #[test]
    fn a_folder_name_cannot_lead_out_of_its_folder() {
        assert_eq!(folder(".."), "%2E%2E");
        assert_eq!(folder("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
        assert_eq!(folder(".lock"), "%2Elock");
        assert_eq!(folder("a/b\0c\\d"), "a%2Fb%00c%5Cd");
        assert_eq!(folder("Größe"), "Gr%C3%B6%C3%9Fe");
        assert_eq!(folder("50%"), "50%25");
    }

    #[test]
    fn long_and_empty_names_get_a_digest() {
        let (first, second) = (
            folder(&format!("{}a", "x".repeat(300))),
            folder(&format!("{}b", "x".repeat(300))),
        );
        assert!(first.len() < 200 && first != second, "{first} {second}");
        assert_eq!(folder(""), "-e3b0c44298fc1c14");
        assert_eq!(folder("-e3b0c44298fc1c14"), "%2De3b0c44298fc1c14");
    }

    #[test]
    fn names_that_a_file_system_takes_for_one_have_different_folders() {
        let names = [
            "\u{e9}",
            "e\u{301}",
            "\u{c9}",
            "\u{fb01}",
            "fi",
            "\u{17f}",
            "s",
            "\u{212a}",
            "k",
            "a b",
            "a%20b",
            "a.",
            "a",
            "a ",
            ".a",
            "a/b",
            "a\\b",
            "a:b",
            "",
            "-e3b0c44298fc1c14",
            "..",
            ".",
            "%2E",
        ];
        let folders: Vec<_> = names
            .iter()
            .map(|name| folder(name).to_ascii_lowercase())
            .collect();
        for (index, one) in folders.iter().enumerate() {
            assert!(
                one.is_ascii() && !one.ends_with('.') && !one.ends_with(' '),
                "{one}"
            );
            assert!(!folders[..index].contains(one), "{one}: {folders:?}");
        }
    }

    #[test]
    fn names_that_duckdb_cannot_hold_are_refused() {
        assert_eq!(
            duckdb("").unwrap_err().to_string(),
            "the name `` is empty, which DuckDB does not accept"
        );
        assert_eq!(
            duckdb("a\0b").unwrap_err().to_string(),
            "the name `a\\0b` contains a NUL character, which DuckDB does not store"
        );
    }
}
