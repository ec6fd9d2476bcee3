//! Meaning of DuckDB's error texts. DuckDB has no codes for these cases,
//! but the words are those of the operating system and rarely change.

use crate::destination::error::DestinationError;

/// Free disk space below which the disk counts as full. DuckDB writes a block
/// of 256 KiB for each column, so a failed write leaves less than this.
const FULL_DISK_BYTES: u64 = 16 << 20;

/// Words of errors about constraints and indexes of the table of a statement.
const CONSTRAINT_ERRORS: [&str; 3] = ["Constraint Error", "Dependency Error", "depends on it"];

/// Other kinds of errors that concern the table of a statement, and not the
/// database.
const TABLE_ERRORS: [&str; 6] = [
    "Catalog Error",
    "Binder Error",
    "Parser Error",
    "Conversion Error",
    "Invalid Input Error",
    "Out of Range Error",
];

/// Turns a message of DuckDB into an error. `action` is `None` while the
/// database is opened.
pub(super) fn explain(location: &str, action: Option<&str>, message: String) -> DestinationError {
    match action {
        Some(action) => explain_action(location, action, message),
        None => explain_opening(location, message),
    }
}

fn explain_action(location: &str, action: &str, message: String) -> DestinationError {
    // The driver drops the error of its appender and reports only that the
    // transaction is aborted. The free space of the disk explains it.
    let unexplained = message.contains("transaction is aborted");
    let full = is_disk_full(&message) || (unexplained && lacks_disk_space(location));
    let is_of_kind = |kind: &&str| message.contains(*kind);
    let constrained = CONSTRAINT_ERRORS.iter().any(is_of_kind);
    let mismatched = TABLE_ERRORS.iter().any(is_of_kind);
    let (action, location) = (action.to_owned(), location.to_owned());
    let (table, source) = (None, message.into());
    if full {
        DestinationError::Full { location, source }
    } else if unexplained {
        DestinationError::Aborted {
            table,
            action,
            location,
            source,
        }
    } else if constrained {
        DestinationError::Refused {
            table,
            action,
            location,
            source,
        }
    } else if mismatched {
        DestinationError::Mismatched {
            table,
            action,
            location,
            source,
        }
    } else {
        DestinationError::Failed {
            action,
            location,
            source,
        }
    }
}

fn explain_opening(location: &str, message: String) -> DestinationError {
    let contains = |words: &str| message.contains(words);
    let locked =
        contains("Could not set lock on file") || contains("being used by another process");
    let full = is_disk_full(&message);
    let other_version = contains("version number") && contains("can only read");
    let read_only = contains("Permission denied") || contains("ead-only");
    let (location, source) = (location.to_owned(), message.into());
    if locked {
        DestinationError::Locked { location, source }
    } else if full {
        DestinationError::Full { location, source }
    } else if read_only {
        DestinationError::ReadOnly { location, source }
    } else if other_version {
        DestinationError::OtherVersion { location, source }
    } else {
        DestinationError::Unusable { location, source }
    }
}

fn is_disk_full(message: &str) -> bool {
    [
        "No space left on device",
        "Disk quota exceeded",
        "not enough space",
    ]
    .iter()
    .any(|words| message.contains(words))
}

fn lacks_disk_space(path: &str) -> bool {
    rustix::fs::statvfs(path)
        .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < FULL_DISK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_texts_are_classified() {
        let opened = |message: &str| explain("x.duckdb", None, message.to_owned());
        let locked = r#"IO Error: Could not set lock on file "x.duckdb": Conflicting lock is held in duckdb (PID 1)"#;
        assert!(matches!(opened(locked), DestinationError::Locked { .. }));
        let denied = r#"IO Error: Cannot open file "x.duckdb": Permission denied"#;
        assert!(matches!(opened(denied), DestinationError::ReadOnly { .. }));
        let refused = "Constraint Error: Duplicate key \"id: 2\" violates unique constraint.";
        assert!(matches!(
            explain("x.duckdb", Some("append rows"), refused.to_owned()),
            DestinationError::Refused { table: None, .. }
        ));
        let unsuitable = "Binder Error: Cannot insert into a generated column";
        assert!(matches!(
            explain("x.duckdb", Some("append rows"), unsuitable.to_owned()),
            DestinationError::Mismatched { table: None, .. }
        ));
        let aborted = "TransactionContext Error: Current transaction is aborted";
        assert!(matches!(
            explain("x.duckdb", Some("append rows"), aborted.to_owned()),
            DestinationError::Aborted { table: None, .. } | DestinationError::Full { .. }
        ));
        let full = r#"IO Error: Could not write file "x.duckdb": No space left on device"#;
        assert!(matches!(opened(full), DestinationError::Full { .. }));
        assert!(matches!(
            explain("x.duckdb", Some("append rows"), full.to_owned()),
            DestinationError::Full { .. }
        ));
    }
}
