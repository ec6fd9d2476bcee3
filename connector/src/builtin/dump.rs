//! `/dump`: the database as SQL text, split into statements.
//!
//! The body may end early although the status is 200. Only the last statement,
//! `COMMIT;`, means that it is complete.

use super::ReadContext;
use crate::database::failure;
use crate::error::{Category, Error, Result};
use crate::http::{self, Method};
use crate::output::Output;
use crate::rows::batch::BatchBuilder;
use crate::rows::page_limit::PageLimit;
use crate::rows::value::Value;
use crate::selection::ReadOptions;

/// Maximum bytes of a statement: a row of the largest values as SQL text.
const MAX_STATEMENT_BYTES: usize = 64 << 20;

/// Dump in progress.
#[derive(Debug)]
pub struct Dump {
    url: String,
    response: http::HttpResponse,
    statements: Statements,
    page_limit: PageLimit,
    rows: BatchBuilder,
    ordinal: i64,
    last: Vec<u8>,
}

impl Dump {
    /// Requests the dump.
    pub(super) async fn begin(context: ReadContext<'_>) -> Result<Self> {
        let ReadContext {
            server,
            config,
            page_limit,
            rows,
            output,
            ..
        } = context;
        let path = if config.preserve_row_ids {
            "/dump?preserve_row_ids=true"
        } else {
            "/dump"
        };
        let url = format!("{}{path}", server.url());
        let attempt = async || {
            output.count_request();
            let sent = http::send(Method::Get, server.url(), path, server.credential(), None);
            let response = sent.await?.wait().await?;
            let (status, retry_after) = (response.status, response.retry_after);
            if status == 200 {
                return Ok(response);
            }
            Err(failure::from_status(status, retry_after, &response.text().await?, &url).into())
        };
        let response = server.retry().backoff().run(attempt).await?;
        Ok(Self {
            url,
            response,
            statements: Statements::default(),
            page_limit,
            rows,
            ordinal: 0,
            last: Vec::new(),
        })
    }

    /// Reads a page. False at the end of the dump.
    pub async fn step(&mut self, options: &ReadOptions, output: &mut Output) -> Result<bool> {
        loop {
            while let Some(statement) = self.statements.next_statement() {
                let row = self.row(&statement)?;
                self.last = statement;
                let has_room = self.page_limit.has_room(&self.rows, &row);
                if !has_room {
                    output.page(&mut self.rows)?;
                }
                self.rows.push_row(&row);
                let read = self.ordinal.unsigned_abs();
                if options.row_limit.is_some_and(|limit| read >= limit) {
                    return Ok(false);
                }
                if !has_room {
                    return Ok(true);
                }
            }
            if self.statements.buffered() > MAX_STATEMENT_BYTES {
                let message = format!("{}: a statement of the dump is too long", self.url);
                return Err(Error::new(Category::Data, message));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.statements.push(&chunk),
                Ok(None) if self.last.eq_ignore_ascii_case(b"COMMIT;") => return Ok(false),
                Ok(None) => return Err(self.ended_early()),
                Err(error) if error.category == Category::Unavailable && !error.slow => {
                    return Err(self.ended_early());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the last rows.
    pub fn end(&mut self, output: &mut Output) -> Result<()> {
        output.end(&mut self.rows)
    }

    fn row(&mut self, statement: &[u8]) -> Result<[Value; 2]> {
        let Ok(statement) = str::from_utf8(statement) else {
            return Err(self.ended_early());
        };
        self.ordinal += 1;
        Ok([Value::Integer(self.ordinal), Value::from(statement)])
    }

    fn ended_early(&self) -> Error {
        let message = format!("{}: the dump ended before its COMMIT", self.url);
        Error::new(Category::Protocol, message).hint(
            "read the tables instead: the server stops a dump at names with quotes and at text \
             that is not UTF-8",
        )
    }
}

/// Splitter of SQL text that arrives in chunks. Splits as SQLite's shell does:
/// at a semicolon outside of quotes, comments and trigger bodies.
#[derive(Debug, Default)]
struct Statements {
    buffer: Vec<u8>,
    /// Offset of the current statement.
    start: usize,
    /// Offset of the next byte to read.
    at: usize,
    state: LexerState,
    word: Vec<u8>,
    /// Number of words of the statement.
    words: u32,
    /// True if the first word is CREATE.
    is_create: bool,
    /// True if the statement begins with `CREATE [TEMP] TRIGGER`.
    is_trigger: bool,
    /// Progress of the sequence that ends a trigger's body: `;`, END, `;`. An
    /// END without the first semicolon ends a CASE.
    ending: Ending,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    No,
    Semicolon,
    End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LexerState {
    #[default]
    Plain,
    /// Quoted text, up to this byte.
    Quoted(u8),
    /// Comment up to the end of the line.
    Line,
    /// Comment up to `*/`.
    Block,
}

impl Statements {
    fn push(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(chunk);
    }

    fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Removes the next complete statement, with its semicolon.
    fn next_statement(&mut self) -> Option<Vec<u8>> {
        while let Some(&byte) = self.buffer.get(self.at) {
            // Two bytes begin or end a comment, so the last byte may have to wait.
            let next = self.buffer.get(self.at + 1).copied();
            if matches!(
                (self.state, byte),
                (LexerState::Plain, b'-' | b'/') | (LexerState::Block, b'*')
            ) && next.is_none()
            {
                return None;
            }
            self.at += 1;
            match (self.state, byte, next) {
                (LexerState::Quoted(end), byte, _) if byte == end => self.state = LexerState::Plain,
                (LexerState::Line, b'\n', _) => self.state = LexerState::Plain,
                (LexerState::Block, b'*', Some(b'/')) => {
                    self.at += 1;
                    self.state = LexerState::Plain;
                }
                (LexerState::Quoted(_) | LexerState::Line | LexerState::Block, ..) => {}
                (LexerState::Plain, b'\'' | b'"' | b'`', _) => self.begin(LexerState::Quoted(byte)),
                (LexerState::Plain, b'[', _) => self.begin(LexerState::Quoted(b']')),
                (LexerState::Plain, b'-', Some(b'-')) => self.begin(LexerState::Line),
                (LexerState::Plain, b'/', Some(b'*')) => self.begin(LexerState::Block),
                (LexerState::Plain, b';', _) => {
                    self.end_word();
                    if !self.is_trigger || self.ending == Ending::End {
                        return Some(self.cut());
                    }
                    self.ending = Ending::Semicolon;
                }
                (LexerState::Plain, byte, _) if byte.is_ascii_alphanumeric() || byte == b'_' => {
                    self.word.push(byte.to_ascii_lowercase());
                }
                (LexerState::Plain, byte, _) => {
                    self.end_word();
                    if !byte.is_ascii_whitespace() {
                        self.ending = Ending::No;
                    }
                }
            }
        }
        None
    }

    fn begin(&mut self, state: LexerState) {
        self.end_word();
        if matches!(state, LexerState::Quoted(_)) {
            self.ending = Ending::No;
        }
        self.state = state;
    }

    fn end_word(&mut self) {
        if self.word.is_empty() {
            return;
        }
        self.words += 1;
        let ends = self.word == b"end" && self.ending == Ending::Semicolon;
        self.ending = if ends { Ending::End } else { Ending::No };
        match self.words {
            1 => self.is_create = self.word == b"create",
            2 | 3 => self.is_trigger |= self.is_create && self.word == b"trigger",
            _ => {}
        }
        self.word.clear();
    }

    fn cut(&mut self) -> Vec<u8> {
        let statement = self.buffer[self.start..self.at].trim_ascii().to_vec();
        *self = Self {
            start: self.at,
            at: self.at,
            buffer: std::mem::take(&mut self.buffer),
            ..Self::default()
        };
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_into_statements_wherever_chunks_end() {
        let text = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n\
            CREATE TABLE \"a;b\" (x /* ; */ TEXT); -- ;\n\
            INSERT INTO t VALUES('it''s; \"','-- no');\n\
            CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u VALUES('end;', CASE x WHEN 1 THEN 2 END); UPDATE u SET a = CASE WHEN b THEN 1 END; DELETE FROM v; END;\n\
            COMMIT;\n";
        let expected = [
            "PRAGMA foreign_keys=OFF;",
            "BEGIN TRANSACTION;",
            "CREATE TABLE \"a;b\" (x /* ; */ TEXT);",
            "-- ;\n\
            INSERT INTO t VALUES('it''s; \"','-- no');",
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u VALUES('end;', CASE x WHEN 1 THEN 2 END); UPDATE u SET a = CASE WHEN b THEN 1 END; DELETE FROM v; END;",
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
