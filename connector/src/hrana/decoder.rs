//! Rows of the wire into a batch, value by value, each by its own tag.

use base64::Engine as _;

use super::DecodeError;
use super::response::RowSink;
use super::scan::{Cell, Scanner};
use super::text_encoding::TextEncoding;
use super::value::BASE64;
use crate::rows::batch::BatchBuilder;
use crate::rows::columns::ColumnSpec;
use crate::rows::datum::Datum;
use crate::rows::digest::RowDigest;
use crate::rows::value::Value;

/// The encoding of a column in the result of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One result column: the value. Fast, but JSON loses the sign of
    /// infinities, and servers fail on text that is not UTF-8.
    Plain,
    /// Two result columns: the value, with text as a blob and infinities as
    /// text, and the name of its storage class: that of SQLite, or `text16le` or
    /// `text16be` for text of a database that stores UTF-16.
    Typed,
}

/// Place of a value in the rows of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Index among the values before the columns.
    Prefix(usize),
    /// Index among the columns.
    Column(usize),
}

/// Values that were captured from the rows of a page, and digests of the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// Values, row after row.
    pub values: Vec<Value>,
    /// Digest of each row, if digests are requested.
    pub digests: Vec<u64>,
}

/// Decodes the rows of one resource, a page at a time.
#[derive(Debug)]
pub struct Decoder {
    batch: BatchBuilder,
    encoding: Encoding,
    /// Number of values before the columns of each row.
    prefix_length: usize,
    /// Places of the values that are captured.
    places: Vec<Place>,
    /// For each column, true if its values are digested.
    digested: Vec<bool>,
    digest: RowDigest,
    captured: Captured,
    scratch: Vec<u8>,
}

impl Decoder {
    /// Creates a decoder for rows of these columns, in the plain encoding and
    /// without a prefix.
    #[must_use]
    pub fn new(columns: &[ColumnSpec]) -> Self {
        Self {
            batch: BatchBuilder::new(columns),
            encoding: Encoding::Plain,
            prefix_length: 0,
            places: Vec::new(),
            digested: Vec::new(),
            digest: RowDigest::new(),
            captured: Captured::default(),
            scratch: Vec::new(),
        }
    }

    /// Sets the encoding of the following rows, and the number of values before
    /// their columns.
    pub fn set_encoding(&mut self, encoding: Encoding, prefix_length: usize) {
        self.encoding = encoding;
        self.prefix_length = prefix_length;
    }

    /// Sets the places of the values that are captured from each row, and for
    /// each column if its values are digested.
    pub fn capture(&mut self, places: Vec<Place>, digested: Vec<bool>) {
        self.places = places;
        self.digested = digested;
        self.captured = Captured::default();
    }

    /// Returns what was captured from the rows of this page.
    pub fn take_captured(&mut self) -> Captured {
        std::mem::take(&mut self.captured)
    }

    /// Returns the decoded rows.
    #[must_use]
    pub fn batch(&self) -> &BatchBuilder {
        &self.batch
    }

    /// Returns the decoded rows, to take them.
    pub fn batch_mut(&mut self) -> &mut BatchBuilder {
        &mut self.batch
    }

    /// Releases the memory that is kept for the next page, once this one was taken.
    pub fn release_memory(&mut self) {
        self.scratch = Vec::new();
        self.batch.discard_page();
    }

    /// Drops the rows of this page.
    pub fn discard_page(&mut self) {
        self.captured = Captured::default();
        self.batch.discard_page();
    }

    #[inline]
    fn plain_value(&mut self, column: usize, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        match scanner.cell()? {
            Cell::Null => self.push(column, &Datum::Null),
            Cell::Integer(value) => self.push(column, &Datum::Integer(value)),
            Cell::Real(value) => self.push(column, &Datum::Real(value)),
            Cell::LostInfinity => return Err(DecodeError::LostInfinity),
            Cell::Text(text) => self.push(column, &Datum::Text(&text)),
            Cell::Blob(base64) => {
                let bytes = self.decode_base64(base64, scanner)?;
                self.push(column, &Datum::Blob(&bytes));
                self.scratch = bytes;
            }
        }
        Ok(())
    }

    /// Decodes a value and the name of its storage class.
    fn typed_value(&mut self, column: usize, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        let value = scanner.cell()?;
        scanner.expect(b',', "the storage class of the value")?;
        let Cell::Text(class) = scanner.cell()? else {
            return Err(scanner.expected("the name of a storage class"));
        };
        match (&*class, value) {
            ("null", Cell::Null) => self.push(column, &Datum::Null),
            ("integer", Cell::Integer(value)) => self.push(column, &Datum::Integer(value)),
            ("real", Cell::Real(value)) => self.push(column, &Datum::Real(value)),
            ("real", Cell::Text(text)) => {
                self.push(column, &Datum::Real(infinity(&text)));
            }
            ("text", Cell::Text(text)) => self.push(column, &Datum::Text(&text)),
            ("blob", Cell::Blob(base64)) => {
                let bytes = self.decode_base64(base64, scanner)?;
                self.push(column, &Datum::Blob(&bytes));
                self.scratch = bytes;
            }
            (class, Cell::Blob(base64)) => {
                let Some(encoding) = TextEncoding::from_class(class) else {
                    return Err(scanner.expected("a value of the named storage class"));
                };
                let bytes = self.decode_base64(base64, scanner)?;
                match encoding.decode(&bytes) {
                    Some(text) => self.push(column, &Datum::Text(&text)),
                    None => self.push(column, &Datum::TextBytes(&bytes)),
                }
                self.scratch = bytes;
            }
            _ => return Err(scanner.expected("a value of the named storage class")),
        }
        Ok(())
    }

    /// Appends a value to its column, and captures it if that is requested.
    #[inline]
    fn push(&mut self, column: usize, datum: &Datum<'_>) {
        for (slot, place) in self.places.iter().enumerate() {
            if *place == Place::Column(column) {
                let row = self.captured.values.len() - self.places.len();
                self.captured.values[row + slot] = datum.to_value();
            }
        }
        if self.digested.get(column) == Some(&true) {
            self.digest.add(datum);
        }
        self.batch.push(column, datum);
    }

    /// Decodes the values before the columns of a row, and captures those that
    /// are requested.
    fn prefix(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        let values = &mut self.captured.values;
        let row = values.len();
        values.resize(row + self.places.len(), Value::Null);
        let mut prefix = Vec::new();
        for _ in 0..self.prefix_length {
            let cell = scanner.cell()?;
            if !self.places.is_empty() {
                prefix.push(cell.into_value()?);
            }
            if self.batch.width() > 0 {
                scanner.expect(b',', "a value of the row")?;
            }
        }
        if self.encoding == Encoding::Typed {
            prefix = decode_typed(&prefix);
        }
        for (slot, place) in self.places.iter().enumerate() {
            if let Place::Prefix(index) = place
                && let Some(value) = prefix.get(*index)
            {
                self.captured.values[row + slot] = value.clone();
            }
        }
        Ok(())
    }

    /// Decodes into the scratch buffer, which the caller puts back.
    fn decode_base64(
        &mut self,
        base64: &str,
        scanner: &Scanner<'_>,
    ) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        BASE64
            .decode_vec(base64, &mut bytes)
            .map_err(|_| scanner.expected("base64"))?;
        Ok(bytes)
    }
}

impl RowSink for Decoder {
    fn begin(&mut self, _request: usize) {}

    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        scanner.expect(b'[', "a row")?;
        self.prefix(scanner)?;
        for column in 0..self.batch.width() {
            if column > 0 {
                scanner.expect(b',', "a value for every column")?;
            }
            match self.encoding {
                Encoding::Plain => self.plain_value(column, scanner)?,
                Encoding::Typed => self.typed_value(column, scanner)?,
            }
        }
        scanner.expect(b']', "the end of the row")?;
        self.batch.end_row();
        if !self.digested.is_empty() {
            let digest = std::mem::replace(&mut self.digest, RowDigest::new());
            self.captured.digests.push(digest.finish());
        }
        Ok(())
    }
}

/// Decodes values of the typed encoding, each from its two columns.
#[must_use]
pub fn decode_typed(row: &[Value]) -> Vec<Value> {
    let pairs = row.chunks_exact(2);
    pairs
        .map(|pair| typed_pair(&pair[0], pair[1].as_text().unwrap_or_default()))
        .collect()
}

fn typed_pair(value: &Value, class: &str) -> Value {
    match (TextEncoding::from_class(class), value) {
        (Some(encoding), Value::Blob(bytes)) => match encoding.decode(bytes) {
            Some(text) => Value::Text(text.into_owned()),
            None => Value::TextBytes(bytes.clone()),
        },
        (None, Value::Text(text)) if class == "real" => Value::Real(infinity(text)),
        _ => value.clone(),
    }
}

/// Returns the infinity that the typed encoding writes as text.
fn infinity(text: &str) -> f64 {
    if text.starts_with('-') {
        f64::NEG_INFINITY
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests;
