//! The values that went to sibling columns: how many, and one example of each
//! column. Must not show a masked value.

use arrow_array::{Array as _, RecordBatch};

use super::mask::Masks;
use crate::destination::{StoredType, json_array, stored_type};
use crate::model::siblings::{Sibling, has_name_of_sibling};

/// Maximum number of characters of an example.
const MAX_EXAMPLE_CHARS: usize = 60;

/// The values of a sibling column in one run.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SiblingValues {
    /// Name of the column that has another type.
    pub column: String,
    /// Name of the sibling column that holds the values.
    pub sibling: String,
    /// Type of the values.
    #[serde(rename = "type")]
    pub kind: Option<StoredType>,
    /// Number of values.
    pub values: u64,
    /// First of the values; `None` if the column is masked.
    pub example: Option<String>,
}

/// Adds the values of a batch to those of earlier batches.
pub(super) fn add(
    counted: &mut Vec<SiblingValues>,
    rows: &RecordBatch,
    siblings: &[Sibling],
    masks: &Masks,
) {
    for sibling in siblings {
        let Some((index, field)) = rows.schema_ref().column_with_name(&sibling.name) else {
            continue;
        };
        let values = rows.num_rows() - rows.column(index).null_count();
        if values == 0 {
            continue;
        }
        let known = counted
            .iter_mut()
            .find(|known| known.sibling == sibling.name);
        if let Some(known) = known {
            known.values += values as u64;
            continue;
        }
        counted.push(SiblingValues {
            column: sibling.column.clone(),
            sibling: sibling.name.clone(),
            kind: stored_type(field),
            values: values as u64,
            example: (!is_masked(masks, &sibling.column))
                .then(|| example(rows, index))
                .flatten(),
        });
    }
}

/// True if a stored column may hold values of a masked column.
fn is_masked(masks: &Masks, column: &str) -> bool {
    let mut masked = masks.keys();
    masked.any(|masked| column.eq_ignore_ascii_case(masked) || has_name_of_sibling(column, masked))
}

/// Returns the first value of a column as text.
fn example(rows: &RecordBatch, column: usize) -> Option<String> {
    let array = rows.column(column);
    let row = (0..rows.num_rows()).find(|row| array.is_valid(*row))?;
    let value = json_array(&[rows.project(&[column]).ok()?.slice(row, 1)]).ok()?;
    let value: Vec<serde_json::Map<String, serde_json::Value>> =
        serde_json::from_str(&value).ok()?;
    let (_, value) = value.into_iter().next()?.into_iter().next()?;
    let text = match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Some(match text.char_indices().nth(MAX_EXAMPLE_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, Int64Array, StringArray};

    use super::*;
    use crate::model::Mask;

    fn rows() -> RecordBatch {
        let long = "ä".repeat(MAX_EXAMPLE_CHARS + 1);
        let columns: [(&str, ArrayRef); 4] = [
            ("n", Arc::new(Int64Array::from(vec![Some(1), None, None]))),
            (
                "n__text",
                Arc::new(StringArray::from(vec![None, Some("x\"y"), Some("z")])),
            ),
            (
                "n__blob",
                Arc::new(BinaryArray::from_opt_vec(vec![None, None, Some(b"\0")])),
            ),
            (
                "m__text",
                Arc::new(StringArray::from(vec![Some(long.as_str()), None, None])),
            ),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn siblings() -> Vec<Sibling> {
        [
            ("n__text", "n"),
            ("n__blob", "n"),
            ("m__text", "m"),
            ("k__text", "k"),
        ]
        .map(|(name, column)| Sibling::new(name.to_owned(), column.to_owned()))
        .into()
    }

    #[test]
    fn values_are_counted_with_one_example() {
        let mut counted = Vec::new();
        for _ in 0..2 {
            add(&mut counted, &rows(), &siblings(), &Masks::new());
        }
        let shown: Vec<_> = counted
            .iter()
            .map(|known| (known.sibling.as_str(), known.values, known.example.clone()))
            .collect();
        assert_eq!(shown[0], ("n__text", 4, Some("x\"y".to_owned())));
        assert_eq!(shown[1].1, 2);
        assert!(shown[1].2.is_some());
        let cut = format!("{}...", "ä".repeat(MAX_EXAMPLE_CHARS));
        assert_eq!(shown[2], ("m__text", 2, Some(cut)));
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn a_masked_column_has_no_example() {
        let masks = Masks::from([("N".to_owned(), Mask::Sha256)]);
        let mut counted = Vec::new();
        add(&mut counted, &rows(), &siblings(), &masks);
        assert_eq!((counted[0].values, &counted[0].example), (2, &None));
        assert!(counted[2].example.is_some());
    }
}
