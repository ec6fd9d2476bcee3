//! The few SQL texts that DuckDB is given. The one place that quotes a name.

use std::borrow::Cow;

use crate::destination::columns::{Column, StoredType};

/// A name as an identifier, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal, whatever is in it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A schema of a database, with both names, because a schema may be called
/// as the database is.
#[derive(Clone, Debug)]
pub(super) struct Dataset {
    pub(super) catalog: String,
    pub(super) schema: String,
}

impl Dataset {
    pub(super) fn table(&self, name: &str) -> String {
        format!("{}.{}", self.quoted(), quoted(name))
    }

    pub(super) fn create(&self) -> String {
        format!("CREATE SCHEMA IF NOT EXISTS {}", self.quoted())
    }

    pub(super) fn create_table(&self, name: &str, columns: &[Column]) -> String {
        let columns: Vec<_> = columns.iter().map(definition).collect();
        format!("CREATE TABLE {} ({})", self.table(name), columns.join(", "))
    }

    pub(super) fn add_column(&self, table: &str, column: &Column) -> String {
        format!(
            "ALTER TABLE {} ADD COLUMN {}",
            self.table(table),
            definition(column)
        )
    }

    pub(super) fn drop_column(&self, table: &str, column: &Column) -> String {
        format!(
            "ALTER TABLE {} DROP COLUMN {}",
            self.table(table),
            quoted(&column.name)
        )
    }

    pub(super) fn drop_table(&self, name: &str) -> String {
        format!("DROP TABLE IF EXISTS {}", self.table(name))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> String {
        format!("ALTER TABLE {} RENAME TO {}", self.table(from), quoted(to))
    }

    /// The names of its tables.
    pub(super) fn tables(&self) -> String {
        format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = {} AND lower(schema_name) = lower({})",
            literal(&self.catalog),
            literal(&self.schema)
        )
    }

    fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.catalog), quoted(&self.schema))
    }
}

fn definition(column: &Column) -> String {
    format!("{} {}", quoted(&column.name), type_name(column.stored))
}

fn type_name(stored: StoredType) -> Cow<'static, str> {
    let name = match stored {
        StoredType::Decimal(precision, scale) => {
            return format!("DECIMAL({precision},{scale})").into();
        }
        StoredType::Int32 => "INTEGER",
        StoredType::Int64 => "BIGINT",
        StoredType::Float64 => "DOUBLE",
        StoredType::Text => "VARCHAR",
        StoredType::Json => "JSON",
        StoredType::Blob => "BLOB",
        StoredType::Boolean => "BOOLEAN",
        StoredType::Date => "DATE",
        StoredType::Timestamp => "TIMESTAMP",
        StoredType::TimestampUtc => "TIMESTAMP WITH TIME ZONE",
    };
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first token of an SQL text, if it is one in quotes, with the
    /// quotes undone, and what follows it. Reads as SQL does: a doubled quote
    /// is one, a single one ends the token, and nothing else means anything.
    fn first_token(text: &str, quote: char) -> Option<(String, &str)> {
        let mut rest = text.strip_prefix(quote)?;
        let mut inner = String::new();
        loop {
            let (before, after) = rest.split_once(quote)?;
            inner.push_str(before);
            match after.strip_prefix(quote) {
                Some(after) => {
                    inner.push(quote);
                    rest = after;
                }
                None => return Some((inner, after)),
            }
        }
    }

    /// Quoted, it is one token and stays one whatever follows.
    fn is_one_token(name: &str) {
        for after in ["", ";", ".x", " \"", "'"] {
            let sql = quoted(name) + after;
            let (token, rest) = first_token(&sql, '"').unwrap();
            assert!(token == name && rest == after, "{name:?}");
            let sql = literal(name) + after.trim_start_matches('\'');
            let (token, rest) = first_token(&sql, '\'').unwrap();
            assert!(token == name && sql.ends_with(rest), "{name:?}");
        }
    }

    #[test]
    fn every_name_comes_back_from_its_quotes() {
        // All texts of up to five of the characters that matter.
        let alphabet = ['"', '\'', '\\', ';', 'é'];
        let mut names = vec![String::new()];
        let mut from = 0;
        for _ in 0..5 {
            let longer: Vec<_> = names[from..]
                .iter()
                .flat_map(|name| {
                    alphabet
                        .iter()
                        .map(move |character| format!("{name}{character}"))
                })
                .collect();
            from = names.len();
            names.extend(longer);
        }
        for name in names {
            is_one_token(&name);
        }
    }

    #[test]
    fn any_name_is_one_token() {
        const PIECES: [&str; 16] = [
            "\"",
            "\"\"",
            "'",
            "\\",
            "\0",
            "\n",
            "\r\n",
            "--",
            "/*",
            "*/",
            ";",
            "$$",
            "E'",
            "U&\"",
            "DROP TABLE t",
            "\u{202e}",
        ];
        // The same names each time: xorshift, from any seed but zero.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u32::try_from(state >> 32).unwrap() % below
        };
        for _ in 0..20_000 {
            let mut name = String::new();
            for _ in 0..random(12) {
                match random(3) {
                    0 => name.extend(char::from_u32(random(0x11_0000))),
                    1 => name.extend(char::from_u32(random(0x80))),
                    _ => name.push_str(PIECES[random(16) as usize]),
                }
            }
            is_one_token(&name);
        }
        for piece in PIECES {
            is_one_token(&piece.repeat(10_000_000 / piece.len()));
        }
    }

    #[test]
    fn a_table_is_created_with_explicit_types() {
        let dataset = Dataset {
            catalog: "db".to_owned(),
            schema: "s\"x".to_owned(),
        };
        let columns = [
            Column {
                name: "select".to_owned(),
                stored: StoredType::Int64,
            },
            Column {
                name: "at".to_owned(),
                stored: StoredType::TimestampUtc,
            },
            Column {
                name: "price".to_owned(),
                stored: StoredType::Decimal(18, 2),
            },
        ];
        assert_eq!(
            dataset.create_table("a.b", &columns),
            r#"CREATE TABLE "db"."s""x"."a.b" ("select" BIGINT, "at" TIMESTAMP WITH TIME ZONE, "price" DECIMAL(18,2))"#
        );
    }
}
