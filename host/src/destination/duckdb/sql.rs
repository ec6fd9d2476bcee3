//! The few SQL texts that DuckDB is given. The one place that quotes a name.

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

fn type_name(stored: StoredType) -> &'static str {
    match stored {
        StoredType::Int32 => "INTEGER",
        StoredType::Int64 => "BIGINT",
        StoredType::Float64 => "DOUBLE",
        StoredType::Text => "VARCHAR",
        StoredType::Blob => "BLOB",
        StoredType::Boolean => "BOOLEAN",
        StoredType::Date => "DATE",
        StoredType::Timestamp => "TIMESTAMP",
        StoredType::TimestampUtc => "TIMESTAMP WITH TIME ZONE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a quoted text as SQL does: a doubled quote is one, and a single
    /// one ends it. `None` if it ends early or not at all.
    fn unquoted(text: &str, quote: char) -> Option<String> {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        let mut name = String::new();
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            if character == quote && characters.next() != Some(quote) {
                return None;
            }
            name.push(character);
        }
        Some(name)
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
            assert_eq!(unquoted(&quoted(&name), '"').as_ref(), Some(&name));
            assert_eq!(unquoted(&literal(&name), '\'').as_ref(), Some(&name));
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
        ];
        assert_eq!(
            dataset.create_table("a.b", &columns),
            r#"CREATE TABLE "db"."s""x"."a.b" ("select" BIGINT, "at" TIMESTAMP WITH TIME ZONE)"#
        );
    }
}
