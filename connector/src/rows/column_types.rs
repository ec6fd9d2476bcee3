//! Types of columns that a read is given for all resources: rules by the name
//! or the declared type of a column, and the types of stored columns. Must not
//! see a value.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::columns::ColumnSpec;
use super::logical_type::LogicalType;
use crate::error::{Error, Result};
use crate::pattern;

/// A type that is requested for a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedType {
    /// The type that SQLite stores, whatever the declared type suggests.
    Plain,
    /// A logical type.
    Logical(LogicalType),
}

/// Columns to which a rule applies. In a pattern, `*` matches any characters,
/// and `?` matches one. Letter case is ignored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeSubject {
    /// Pattern of column names.
    Column(String),
    /// Pattern of declared types.
    Declared(String),
}

/// Types of the columns of all resources.
#[derive(Clone, Debug, Default)]
pub struct ColumnTypes {
    /// Rules in the order in which they apply.
    rules: Vec<(TypeSubject, RequestedType)>,
    /// Types of stored columns, by resource and by column in lower case.
    stored: BTreeMap<String, BTreeMap<String, LogicalType>>,
    /// True if declared types suggest nothing.
    is_plain: bool,
}

impl RequestedType {
    /// Parses the name of a type of `subject`.
    ///
    /// # Errors
    /// A config error if the name is not known.
    pub fn parse(name: &str, subject: &str) -> Result<Self> {
        if name.trim().eq_ignore_ascii_case("plain") {
            return Ok(Self::Plain);
        }
        LogicalType::parse(name).map(Self::Logical).ok_or_else(|| {
            Error::config(
                format!("`types` has \"{name}\" for `{subject}`, which is not a known type"),
                format!("use one of {}, or plain", LogicalType::NAMES),
            )
        })
    }

    /// Returns the text that cursors hold. It must not change, or the tables of
    /// saved cursors count as changed.
    #[must_use]
    pub fn stored_text(self) -> String {
        match self {
            Self::Plain => "Plain".to_owned(),
            Self::Logical(logical) => format!("{logical:?}").replace(", rounds: false", ""),
        }
    }

    /// Returns the logical type.
    #[must_use]
    pub fn logical(self) -> Option<LogicalType> {
        match self {
            Self::Plain => None,
            Self::Logical(logical) => Some(logical),
        }
    }
}

impl TypeSubject {
    fn pattern(&self) -> &str {
        match self {
            Self::Column(pattern) | Self::Declared(pattern) => pattern,
        }
    }

    fn matches(&self, column: &ColumnSpec) -> bool {
        let text = match self {
            Self::Column(_) => &column.name,
            Self::Declared(_) => column.declared.trim(),
        };
        pattern::matches(
            &self.pattern().to_ascii_lowercase(),
            &text.to_ascii_lowercase(),
        )
    }

    /// Order of rules: names before declared types, then those that match less.
    fn rank(&self) -> (bool, bool, Reverse<usize>) {
        let pattern = self.pattern();
        let is_wildcard = |c: char| matches!(c, '*' | '?');
        (
            matches!(self, Self::Declared(_)),
            pattern.contains(is_wildcard),
            Reverse(pattern.chars().filter(|c| !is_wildcard(*c)).count()),
        )
    }
}

impl ColumnTypes {
    /// Creates the types from rules with the names of types.
    ///
    /// # Errors
    /// A config error if a rule names an unknown type.
    pub fn new(rules: Vec<(TypeSubject, String)>) -> Result<Self> {
        let parse = |(subject, name): (TypeSubject, String)| {
            let requested = RequestedType::parse(&name, subject.pattern())?;
            Ok((subject, requested))
        };
        let mut rules: Vec<_> = rules.into_iter().map(parse).collect::<Result<_>>()?;
        rules.sort_by_key(|(subject, _)| subject.rank());
        Ok(Self {
            rules,
            stored: BTreeMap::new(),
            is_plain: false,
        })
    }

    /// Ignores what declared types suggest: a checksum of the source covers only
    /// values as they are stored there.
    pub fn set_plain(&mut self) {
        self.is_plain = true;
    }

    /// True if declared types suggest nothing.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Adds a stored column of a resource. The names of types that are not known
    /// are ignored.
    pub fn add_stored(&mut self, resource: &str, column: &str, type_name: &str) {
        if let Some(stored) = LogicalType::parse(type_name) {
            let columns = self.stored.entry(resource.to_owned()).or_default();
            columns.insert(column.to_ascii_lowercase(), stored);
        }
    }

    /// Returns the type of the first rule that applies to a column.
    #[must_use]
    pub fn rule(&self, column: &ColumnSpec) -> Option<RequestedType> {
        let mut rules = self.rules.iter();
        let found = rules.find(|(subject, _)| subject.matches(column));
        found.map(|(_, requested)| *requested)
    }

    /// Returns the type of the stored column of a resource.
    #[must_use]
    pub fn stored(&self, resource: &str, column: &str) -> Option<LogicalType> {
        let columns = self.stored.get(resource)?;
        columns.get(&column.to_ascii_lowercase()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::columns::Storage;

    fn column(name: &str, declared: &str) -> ColumnSpec {
        ColumnSpec {
            name: name.to_owned(),
            storage: Storage::from_declared(declared),
            declared: declared.to_owned(),
        }
    }

    #[test]
    fn the_rule_that_matches_least_applies() {
        let declared = |pattern: &str| TypeSubject::Declared(pattern.to_owned());
        let name = |pattern: &str| TypeSubject::Column(pattern.to_owned());
        let rules = [
            (declared("*"), "plain"),
            (declared("datetime"), "timestamptz"),
            (name("*_at"), "timestamp"),
            (name("created_*"), "timestamp(ms)"),
            (name("seen_at"), "text"),
        ];
        let rules = rules.map(|(subject, requested)| (subject, requested.to_owned()));
        let types = ColumnTypes::new(rules.into()).unwrap();
        for (name, declared, expected) in [
            ("Created_At", "", "timestamp(ms)"),
            ("updated_at", "DATETIME", "timestamp"),
            ("SEEN_AT", "DATETIME", "text"),
            ("due", " DateTime", "timestamptz"),
            ("due", "DATETIME(6)", "plain"),
        ] {
            assert_eq!(
                types.rule(&column(name, declared)),
                RequestedType::parse(expected, "").ok(),
                "{name} {declared}"
            );
        }
    }

    #[test]
    fn an_unknown_type_of_a_rule_is_refused() {
        let rule = (TypeSubject::Column("*_at".to_owned()), "moment".to_owned());
        let error = ColumnTypes::new(vec![rule]).unwrap_err();
        assert!(error.message.contains("`*_at`"), "{error}");
        assert!(error.hint.unwrap().contains("plain"));
    }
}
