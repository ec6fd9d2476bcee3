//! SQL identifiers. Every name in a statement is quoted here.

/// Quotes a name as an identifier, whatever characters it has.
#[must_use]
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a column with its table. SQLite takes an unqualified quoted name of
/// no column for a string, which is equal in all rows.
#[must_use]
pub fn qualify(table: &str, column: &str) -> String {
    format!("{}.{}", quote(table), quote(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stays_inside_its_quotes() {
        for name in [
            "a",
            "\"",
            "a\"b",
            "\"\"; DROP TABLE t; --",
            "ä 表",
            "select",
            "",
        ] {
            let quoted = quote(name);
            let inner = &quoted[1..quoted.len() - 1];
            assert!(!inner.replace("\"\"", "").contains('"'), "{quoted}");
            assert_eq!(inner.replace("\"\"", "\""), name);
        }
    }
}
