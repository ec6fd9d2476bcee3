//! Tables of text with aligned columns, and readable numbers.

use std::io::{self, Write};

use connector_host::model::noun::in_number;

/// A table of text: a header and rows with the same number of cells.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns that are aligned to the right.
    right: Vec<usize>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N], right: &[usize]) -> Self {
        Self {
            rows: vec![header.iter().map(ToString::to_string).collect()],
            right: right.to_vec(),
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        // A cell may hold text of a source, which must not break the line.
        let clean = |cell: String| {
            cell.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    pub(crate) fn print(&self) -> io::Result<()> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                if self.right.contains(&column) {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
                line.push_str("  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        io::stdout().write_all(out.as_bytes())
    }
}

/// Formats a count with separated thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a count with separated thousands, and its noun.
pub(crate) fn quantity(number: u64, noun: &str) -> String {
    format!("{} {}", count(number), in_number(number, noun))
}

/// Formats bytes in a suitable unit.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["kB", "MB", "GB", "TB"] {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            (count(0), count(999), count(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!(
            (
                quantity(0, "row"),
                quantity(1, "row"),
                quantity(2000, "row")
            ),
            ("0 rows".into(), "1 row".into(), "2,000 rows".into())
        );
        assert_eq!(
            (size(999), size(1_500), size(327_000_000)),
            ("999 B".into(), "1.5 kB".into(), "327.0 MB".into())
        );
    }
}
