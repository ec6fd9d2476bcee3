//! Collations of key columns, from the CREATE statement of a table. No pragma
//! that read-only tokens may use reports them.

use super::tokens::{name, tokens};

/// Returns the first key column whose text is not compared byte by byte, and its
/// collation. Also returns `None` for a statement that it does not understand.
#[must_use]
pub fn key_collation(create_statement: &str, key: &[String]) -> Option<(String, String)> {
    let tokens = tokens(create_statement)?;
    let start = tokens.iter().position(|token| *token == "(")? + 1;
    let definitions = tokens[start..].split(at_depth_zero());
    for definition in definitions {
        let (first, rest) = definition.split_first()?;
        let is_constraint = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]
            .iter()
            .any(|word| first.eq_ignore_ascii_case(word));
        // The columns of a constraint may have collations of their own.
        let found = if is_constraint {
            rest.windows(3).find_map(|window| match window {
                [column, collate, collation] => collated(key, column, collate, collation),
                _ => None,
            })
        } else {
            rest.windows(2).find_map(|window| match window {
                [collate, collation] => collated(key, first, collate, collation),
                _ => None,
            })
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn collated(
    key: &[String],
    column: &str,
    collate: &str,
    collation: &str,
) -> Option<(String, String)> {
    let collation = name(collation).to_ascii_uppercase();
    let column = name(column);
    let mut key = key.iter();
    let column = key.find(|known| known.eq_ignore_ascii_case(&column))?;
    let is_other = collate.eq_ignore_ascii_case("COLLATE") && collation != "BINARY";
    is_other.then(|| (column.clone(), collation))
}

/// Returns a predicate for the commas between the definitions of a table.
fn at_depth_zero() -> impl FnMut(&&str) -> bool {
    let mut depth = 0_i32;
    move |token| {
        match *token {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        depth == 0 && *token == ","
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Option<(String, String)> {
        key_collation(sql, &["code".to_owned(), "a b".to_owned()])
    }

    #[test]
    fn collations_of_the_key_are_found() {
        for sql in [
            "CREATE TABLE t(code TEXT PRIMARY KEY COLLATE NOCASE, x)",
            "create table t(x DEFAULT (1, 2), CODE text collate nocase not null)",
            "CREATE TABLE \"t(\"([code] \"varchar\"(3, 4) COLLATE \"NoCase\", PRIMARY KEY (code))",
            "CREATE TABLE t(code TEXT, y, PRIMARY KEY (y, code COLLATE NOCASE)) WITHOUT ROWID",
            "CREATE TABLE t(code TEXT /* , ( */, CONSTRAINT k UNIQUE (\"code\" COLLATE nocase DESC))",
        ] {
            assert_eq!(
                found(sql),
                Some(("code".to_owned(), "NOCASE".to_owned())),
                "{sql}"
            );
        }
        assert_eq!(
            found("CREATE TABLE t(code, \"a b\" TEXT COLLATE RTRIM)"),
            Some(("a b".to_owned(), "RTRIM".to_owned()))
        );
    }

    #[test]
    fn other_columns_and_the_binary_order_are_ignored() {
        for sql in [
            "",
            "CREATE TABLE t",
            "CREATE TABLE t(code TEXT PRIMARY KEY, x TEXT COLLATE NOCASE)",
            "CREATE TABLE t(code TEXT COLLATE BINARY)",
            "CREATE TABLE t(code TEXT DEFAULT 'collate nocase', x)",
            "CREATE TABLE t(code TEXT, x COLLATE NOCASE, PRIMARY KEY (code))",
            "CREATE TABLE t(code TEXT, \"",
        ] {
            assert_eq!(found(sql), None, "{sql}");
        }
    }
}
