//! `/dump`: the database as SQL text, cut into statements.
//!
//! The body may end early on HTTP 200: only the last statement, `COMMIT;`,
//! means that all has come.

use crate::config::Config;
use crate::database::failure;
use crate::database::server::Server;
use crate::error::{Category, Error, Result};
use crate::hrana::decoder::Decoder;
use crate::hrana::value::Value;
use crate::http::{self, Method};
use crate::output::Output;
use crate::selection::Options;

/// The longest statement: a row of the largest values, written out.
const STATEMENT_BYTES: usize = 64 << 20;

pub(super) fn read(
    server: &Server,
    config: &Config,
    options: &Options,
    rows: &mut Decoder,
    output: &mut Output,
) -> Result<()> {
    let path = if config.preserve_row_ids {
        "/dump?preserve_row_ids=true"
    } else {
        "/dump"
    };
    let url = server.url().to_string();
    output.request();
    let mut response =
        http::send(Method::Get, server.url(), path, server.credential(), None)?.wait()?;
    if response.status != 200 {
        let status = response.status;
        return Err(failure::of_status(status, None, &response.text()?, &url).into());
    }
    let ended_early = || {
        Error::new(Category::Protocol, format!("{url}{path}: the dump ended before its COMMIT"))
            .hint("the server stops at names with quotes and at text that is not UTF-8; read the tables themselves")
    };
    let mut statements = Statements::default();
    let mut ordinal = 0;
    let mut last = String::new();
    loop {
        let chunk = match response.chunk() {
            Ok(chunk) => chunk,
            Err(error) if error.category == Category::Unavailable => return Err(ended_early()),
            Err(error) => return Err(error),
        };
        let Some(chunk) = chunk else { break };
        statements.push(&chunk);
        while let Some(statement) = statements.next_statement() {
            let Ok(statement) = String::from_utf8(statement) else {
                return Err(ended_early());
            };
            ordinal += 1;
            rows.push_row(&[Value::Integer(ordinal), Value::Text(statement.clone())]);
            last = statement;
            if rows.rows() as u64 >= options.page_rows {
                output.page(rows)?;
            }
            if options
                .row_limit
                .is_some_and(|limit| ordinal.unsigned_abs() >= limit)
            {
                return Ok(());
            }
        }
        if statements.waiting() > STATEMENT_BYTES {
            return Err(Error::new(
                Category::Data,
                format!("{url}{path}: a statement is too long"),
            ));
        }
    }
    if last
        .trim_end_matches(';')
        .trim()
        .eq_ignore_ascii_case("commit")
    {
        Ok(())
    } else {
        Err(ended_early())
    }
}

/// Cuts SQL text that comes in chunks into statements, as SQLite's shell
/// does: at a semicolon outside of quotes, comments and trigger bodies.
#[derive(Debug, Default)]
struct Statements {
    buffer: Vec<u8>,
    /// How far the buffer has been looked at.
    at: usize,
    inside: Inside,
    word: Vec<u8>,
    /// The statement's first words: is it `CREATE [TEMP] TRIGGER`?
    words: u32,
    creates: bool,
    trigger: bool,
    /// Whether the last word was END, which closes the body of a trigger.
    end: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Plain,
    /// A quoted thing, up to this byte.
    Quoted(u8),
    /// A comment, up to the end of the line.
    Line,
    /// A comment, up to `*/`.
    Block,
}

impl Statements {
    fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole statement, with its semicolon.
    fn next_statement(&mut self) -> Option<Vec<u8>> {
        while let Some(&byte) = self.buffer.get(self.at) {
            // Two bytes decide about comments, so the last one may wait.
            let next = self.buffer.get(self.at + 1).copied();
            if matches!(
                (self.inside, byte),
                (Inside::Plain, b'-' | b'/') | (Inside::Block, b'*')
            ) && next.is_none()
            {
                return None;
            }
            self.at += 1;
            match (self.inside, byte, next) {
                (Inside::Quoted(end), byte, _) if byte == end => self.inside = Inside::Plain,
                (Inside::Line, b'\n', _) => self.inside = Inside::Plain,
                (Inside::Block, b'*', Some(b'/')) => {
                    self.at += 1;
                    self.inside = Inside::Plain;
                }
                (Inside::Quoted(_) | Inside::Line | Inside::Block, ..) => {}
                (Inside::Plain, b'\'' | b'"' | b'`', _) => self.begin(Inside::Quoted(byte)),
                (Inside::Plain, b'[', _) => self.begin(Inside::Quoted(b']')),
                (Inside::Plain, b'-', Some(b'-')) => self.begin(Inside::Line),
                (Inside::Plain, b'/', Some(b'*')) => self.begin(Inside::Block),
                (Inside::Plain, b';', _) => {
                    self.end_word();
                    if !self.trigger || self.end {
                        return Some(self.cut());
                    }
                    self.end = false;
                }
                (Inside::Plain, byte, _) if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    self.word.push(byte.to_ascii_lowercase());
                }
                (Inside::Plain, byte, _) => {
                    self.end_word();
                    if !byte.is_ascii_whitespace() {
                        self.end = false;
                    }
                }
            }
        }
        None
    }

    fn begin(&mut self, inside: Inside) {
        self.end_word();
        if matches!(inside, Inside::Quoted(_)) {
            self.end = false;
        }
        self.inside = inside;
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.words += 1;
        self.end = self.word == b"end";
        match self.words {
            1 => self.creates = self.word == b"create",
            2 | 3 => self.trigger |= self.creates && self.word == b"trigger",
            _ => {}
        }
        self.word.clear();
    }

    fn cut(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.at);
        let statement = std::mem::replace(&mut self.buffer, rest);
        *self = Self {
            buffer: std::mem::take(&mut self.buffer),
            ..Self::default()
        };
        statement.trim_ascii().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_into_statements_wherever_chunks_end() {
        let text = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n\
            CREATE TABLE \"a;b\" (x /* ; */ TEXT); -- ;\n\
            INSERT INTO t VALUES('it''s; \"','-- no');\n\
            CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u VALUES('end;'); DELETE FROM v; END;\n\
            COMMIT;\n";
        let expected = [
            "PRAGMA foreign_keys=OFF;",
            "BEGIN TRANSACTION;",
            "CREATE TABLE \"a;b\" (x /* ; */ TEXT);",
            "-- ;\n\
            INSERT INTO t VALUES('it''s; \"','-- no');",
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u VALUES('end;'); DELETE FROM v; END;",
            "COMMIT;",
        ];
        for cut in 0..=text.len() {
            let mut statements = Statements::default();
            let mut found = Vec::new();
            for chunk in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                statements.push(chunk);
                while let Some(statement) = statements.next_statement() {
                    found.push(String::from_utf8(statement).unwrap());
                }
            }
            assert_eq!(found, expected, "cut at {cut}");
        }
    }
}
