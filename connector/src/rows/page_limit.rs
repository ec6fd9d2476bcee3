//! Maximum size of a page of rows. Must not send pages.

use super::batch::BatchBuilder;
use super::value::Value;

/// Maximum rows and bytes of a page.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// Maximum rows.
    pub rows: u64,
    /// Maximum bytes of the Arrow message. Only a page of a single row may be
    /// larger.
    pub bytes: u64,
}

impl PageLimit {
    /// True if a page has room for another row. A page without rows always has.
    #[must_use]
    pub fn has_room(self, page: &BatchBuilder, row: &[Value]) -> bool {
        let bytes = page.message_bytes().saturating_add(row_bytes(row));
        page.is_empty() || (page.len() as u64) < self.rows && bytes as u64 <= self.bytes
    }
}

/// Returns the maximum number of bytes that a row adds to a message.
fn row_bytes(row: &[Value]) -> usize {
    /// Bytes of a value of fixed size, or of the end of one of variable size,
    /// with the bit that tells it from NULL. A decimal has 16 bytes.
    const VALUE_BYTES: usize = 17;
    let value_bytes = |value: &Value| match value {
        Value::Null | Value::Integer(_) | Value::Real(_) => VALUE_BYTES,
        Value::Text(text) => VALUE_BYTES + text.len(),
        Value::TextBytes(bytes) | Value::Blob(bytes) => VALUE_BYTES + bytes.len(),
    };
    row.iter().map(value_bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrow;
    use crate::rows::columns::{ColumnSpec, Storage};

    fn builder() -> BatchBuilder {
        let columns = [
            ("id", Storage::Integer),
            ("text", Storage::Text),
            ("any", Storage::ByValue),
            ("nothing", Storage::ByValue),
        ];
        BatchBuilder::new(&columns.map(|(name, storage)| ColumnSpec {
            name: name.to_owned(),
            storage,
            declared: String::new(),
        }))
    }

    fn row(number: i64) -> [Value; 4] {
        let long = "x".repeat(usize::try_from(number * 37 % 200).unwrap());
        // The first value decides the type, so that others are mismatches.
        let any = if number % 7 == 3 {
            Value::Blob(vec![1; 20])
        } else {
            Value::Real(0.5)
        };
        [Value::Integer(number), Value::Text(long), any, Value::Null]
    }

    /// Returns the rows and the bytes of each page.
    fn pages(limit: PageLimit, rows: i64) -> Vec<(usize, usize)> {
        let mut builder = builder();
        let mut pages = Vec::new();
        let mut take = |builder: &mut BatchBuilder| {
            let (_, batch) = builder.take_page().unwrap();
            pages.push((batch.num_rows(), arrow::batch(&batch).unwrap().len()));
        };
        for number in 0..rows {
            let row = row(number);
            if !limit.has_room(&builder, &row) {
                take(&mut builder);
            }
            builder.push_row(&row);
        }
        take(&mut builder);
        pages
    }

    #[test]
    fn no_message_is_larger_than_the_limit() {
        for bytes in [4_000, 16_000, 100_000] {
            let limit = PageLimit {
                rows: u64::MAX,
                bytes,
            };
            let found = pages(limit, 5_000);
            assert_eq!(found.iter().map(|(rows, _)| rows).sum::<usize>(), 5_000);
            let (last, full) = found.split_last().unwrap();
            assert!(last.1 as u64 <= bytes);
            for (_, message) in full {
                let message = *message as u64;
                assert!(message <= bytes, "{message} of {bytes}");
                // Pages are not much smaller than they may be.
                assert!(
                    bytes < 16_000 || message > bytes / 2,
                    "{message} of {bytes}"
                );
            }
        }
    }

    #[test]
    fn a_row_that_is_too_large_has_its_own_page() {
        let limit = PageLimit { rows: 9, bytes: 1 };
        let rows: Vec<_> = pages(limit, 3).iter().map(|(rows, _)| *rows).collect();
        assert_eq!(rows, [1, 1, 1]);
    }

    #[test]
    fn a_page_has_at_most_the_rows_of_its_limit() {
        let limit = PageLimit {
            rows: 4,
            bytes: u64::MAX,
        };
        let rows: Vec<_> = pages(limit, 10).iter().map(|(rows, _)| *rows).collect();
        assert_eq!(rows, [4, 4, 2]);
    }
}
