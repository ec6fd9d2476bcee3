//! The replacement of the values of one column by a mask.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::temporal_conversions::timestamp_us_to_datetime;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, new_null_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use sha2::{Digest as _, Sha256};

use crate::model::Mask;

/// Replacement of the hidden characters of a text.
const HIDDEN: &str = "***";

/// Returns the type of a column after masking.
pub(super) fn masked_type(mask: Mask, column: &DataType) -> DataType {
    match mask {
        Mask::Null => column.clone(),
        Mask::Sha256 | Mask::Partial => DataType::Utf8,
    }
}

/// Masks the values of a column. Nulls stay null.
pub(super) fn mask_values(mask: Mask, column: &dyn Array) -> Result<ArrayRef, ArrowError> {
    match mask {
        Mask::Null => Ok(new_null_array(column.data_type(), column.len())),
        Mask::Sha256 => texts(column, |value| sha256(value.bytes())),
        Mask::Partial => texts(column, |value| value.partial()),
    }
}

/// Returns the SHA-256 in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to memory does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A value before it is masked.
enum Plain<'a> {
    Text(&'a str),
    Blob(&'a [u8]),
    Boolean(bool),
    /// A number or a time, as text.
    Formatted(String),
}

impl Plain<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Blob(bytes) => bytes,
            Self::Boolean(true) => b"true",
            Self::Boolean(false) => b"false",
            Self::Formatted(text) => text.as_bytes(),
        }
    }

    fn partial(&self) -> String {
        match self {
            Self::Text(text) => partial(text),
            Self::Formatted(text) => partial(text),
            // The first character of a boolean reveals it.
            Self::Blob(_) | Self::Boolean(_) => HIDDEN.to_owned(),
        }
    }
}

/// Returns a text column with a text for each value of a column. Nulls stay
/// null.
fn texts(column: &dyn Array, text: impl Fn(Plain<'_>) -> String) -> Result<ArrayRef, ArrowError> {
    /// Largest offset of a text column.
    const MAX_BYTES: usize = i32::MAX as usize;
    let options = FormatOptions::new();
    // Times are formatted here: the formatter parses the name of the time zone,
    // which can be any text.
    let formatter = match column.data_type() {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::Timestamp(TimeUnit::Microsecond, _) => None,
        _ => Some(ArrayFormatter::try_new(column, &options)?),
    };
    let value = |row| {
        Ok::<_, ArrowError>(match (column.data_type(), &formatter) {
            (DataType::Utf8, _) => Plain::Text(column.as_string::<i32>().value(row)),
            (DataType::LargeUtf8, _) => Plain::Text(column.as_string::<i64>().value(row)),
            (DataType::Binary, _) => Plain::Blob(column.as_binary::<i32>().value(row)),
            (DataType::LargeBinary, _) => Plain::Blob(column.as_binary::<i64>().value(row)),
            (DataType::Boolean, _) => Plain::Boolean(column.as_boolean().value(row)),
            (DataType::Float64, _) => {
                Plain::Formatted(column.as_primitive::<Float64Type>().value(row).to_string())
            }
            (DataType::Timestamp(TimeUnit::Microsecond, zone), _) => {
                let times = column.as_primitive::<TimestampMicrosecondType>();
                Plain::Formatted(format_time(times.value(row), zone.is_some()))
            }
            (_, Some(formatter)) => Plain::Formatted(formatter.value(row).try_to_string()?),
            (other, None) => return Err(ArrowError::NotYetImplemented(other.to_string())),
        })
    };
    let mut builder = StringBuilder::with_capacity(column.len(), 0);
    for row in 0..column.len() {
        if column.is_null(row) {
            builder.append_null();
            continue;
        }
        let masked = text(value(row)?);
        if builder.values_slice().len() + masked.len() > MAX_BYTES {
            return Err(ArrowError::OffsetOverflowError(
                builder.values_slice().len(),
            ));
        }
        builder.append_value(masked);
    }
    Ok(Arc::new(builder.finish()))
}

/// Formats a time by RFC 3339, with `Z` if it is in UTC.
fn format_time(micros: i64, utc: bool) -> String {
    let time = timestamp_us_to_datetime(micros);
    let time = time.map_or_else(
        || micros.to_string(),
        |time| time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
    );
    time + if utc { "Z" } else { "" }
}

/// Returns the first character, and the domain of an email address. A text of
/// fewer than three characters is hidden, because the first is most of it.
fn partial(text: &str) -> String {
    const MIN_CHARACTERS: usize = 3;
    if text.chars().take(MIN_CHARACTERS).count() < MIN_CHARACTERS {
        return HIDDEN.to_owned();
    }
    let first = text.chars().take(1).collect::<String>();
    format!("{first}{HIDDEN}{}", domain(text).unwrap_or_default())
}

/// Returns the part of an email address from its last `@`.
fn domain(text: &str) -> Option<&str> {
    let at = text.rfind('@').filter(|at| *at > 0)?;
    let labels = text[at + 1..].split('.');
    let is_label = |label: &str| {
        let part = |c: char| c.is_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(part)
    };
    let is_domain = labels.clone().count() > 1 && labels.into_iter().all(is_label);
    (is_domain && !text.contains(char::is_whitespace)).then(|| &text[at..])
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    fn mask(mask: Mask, column: &dyn Array) -> ArrayRef {
        let masked = mask_values(mask, column).unwrap();
        assert_eq!(*masked.data_type(), masked_type(mask, column.data_type()));
        masked
    }

    fn shown(column: &ArrayRef) -> Vec<Option<&str>> {
        column.as_string::<i32>().iter().collect()
    }

    #[test]
    fn a_hash_is_that_of_the_bytes_of_the_value() {
        // echo -n abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = mask(Mask::Sha256, &StringArray::from(vec![Some("abc"), None]));
        assert_eq!(shown(&text), [Some(abc), None]);
        let blob = mask(Mask::Sha256, &BinaryArray::from(vec![&b"abc"[..]]));
        assert_eq!(shown(&blob), [Some(abc)]);
        let same = |column: &dyn Array, text: &str| {
            assert_eq!(
                shown(&mask(Mask::Sha256, column)),
                [Some(&*sha256(text.as_bytes()))]
            );
        };
        same(&Int64Array::from(vec![-12]), "-12");
        same(&Float64Array::from(vec![1.0]), "1");
        same(&Float64Array::from(vec![0.1]), "0.1");
        same(&BooleanArray::from(vec![true]), "true");
        same(&Date32Array::from(vec![0]), "1970-01-01");
        let decimals = Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2);
        same(&decimals.unwrap(), "1.50");
        let times = TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC");
        same(&times, "1970-01-01T00:00:00.000001Z");
    }

    #[test]
    fn a_null_mask_keeps_only_the_type() {
        let column = mask(Mask::Null, &Int64Array::from(vec![Some(1), None]));
        assert_eq!(
            (column.data_type(), column.null_count()),
            (&DataType::Int64, 2)
        );
    }

    #[test]
    fn a_partial_mask_keeps_the_first_character_and_the_domain() {
        for (text, left) in [
            ("bob@example.com", "b***@example.com"),
            ("b@b@example.co.uk", "b***@example.co.uk"),
            ("Ångström", "Å***"),
            ("abc", "a***"),
            ("ab", "***"),
            ("é", "***"),
            ("", "***"),
            ("@example.com", "@***"),
            ("me@localhost", "m***"),
            ("me@example.", "m***"),
            ("ask bob@example.com", "a***"),
            ("bob@example.com, +1 555 1234.5", "b***"),
            ("x@y.z!", "x***"),
        ] {
            assert_eq!(partial(text), left, "{text}");
        }
        let numbers = mask(
            Mask::Partial,
            &Int64Array::from(vec![Some(1_234), Some(7), None]),
        );
        assert_eq!(shown(&numbers), [Some("1***"), Some("***"), None]);
        let truths = mask(Mask::Partial, &BooleanArray::from(vec![false]));
        assert_eq!(shown(&truths), [Some("***")]);
        let blobs = mask(Mask::Partial, &BinaryArray::from(vec![&b"secret"[..]]));
        assert_eq!(shown(&blobs), [Some("***")]);
    }
}
