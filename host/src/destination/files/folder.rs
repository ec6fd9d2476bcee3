//! Names of folders for names of tables, which may hold anything.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// File systems allow 255 bytes; this leaves room for what is added to it.
const LONGEST: usize = 150;
/// Bytes of the digest that tells long names apart.
const DIGEST: usize = 8;

/// The folder of a table: its name where that is plain, else percent-encoded,
/// so that no file system folds, normalises or refuses it.
pub(super) fn name(table: &str) -> String {
    let mut folder = String::with_capacity(table.len());
    for (at, byte) in table.bytes().enumerate() {
        let dot = byte == b'.' && at > 0 && at + 1 < table.len();
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || dot {
            folder.push(char::from(byte));
        } else {
            let _ = write!(folder, "%{byte:02X}");
        }
    }
    if folder.is_empty() || folder.len() > LONGEST {
        folder.truncate(LONGEST);
        folder.push('-');
        for byte in &Sha256::digest(table.as_bytes())[..DIGEST] {
            let _ = write!(folder, "{byte:02x}");
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_its_own_folder() {
        assert_eq!(name("orders_2024-v1.5"), "orders_2024-v1.5");
    }

    #[test]
    fn no_name_leaves_its_folder() {
        assert_eq!(name(".."), "%2E%2E");
        assert_eq!(name("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
        assert_eq!(name(".lock"), "%2Elock");
        assert_eq!(name("a/b\0c\\d"), "a%2Fb%00c%5Cd");
        assert_eq!(name("Größe"), "Gr%C3%B6%C3%9Fe");
        assert_eq!(name("50%"), "50%25");
    }

    #[test]
    fn long_and_empty_names_are_told_apart_by_a_digest() {
        let (first, second) = (
            name(&format!("{}a", "x".repeat(300))),
            name(&format!("{}b", "x".repeat(300))),
        );
        assert!(first.len() < 200 && first != second, "{first} {second}");
        assert_eq!(name(""), "-e3b0c44298fc1c14");
    }
}
