//! Masks: the replacement of values that must not be stored. Applied before
//! anything is written; does not rely on the connector.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::temporal_conversions::timestamp_us_to_datetime;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::model::siblings::has_name_of_sibling;
use crate::model::{Mask, PageKind, Rejected, SourceSchema, UnreadPart, names};
use crate::pipeline::PipelineError;

/// Replacement of the hidden characters of a text.
const HIDDEN: &str = "***";

/// Masks of a resource, by column.
pub(in crate::pipeline) type Masks = BTreeMap<String, Mask>;

/// Returns the mask of a column. Column names ignore case.
pub(in crate::pipeline) fn mask_for(masks: &Masks, column: &str) -> Option<Mask> {
    let mut masks = masks.iter();
    masks
        .find(|(name, _)| name.eq_ignore_ascii_case(column))
        .map(|(_, mask)| *mask)
}

/// Returns the error for a resource that is not selected by its own name while
/// others are masked. The pipeline does not state whether to mask it.
pub(in crate::pipeline) fn unselected(resource: &str) -> PipelineError {
    PipelineError::settings(
        format!("`{resource}` is not selected by its own name, and other resources are masked"),
        format!("add the resource `{resource}`, and set `mask` to the columns to mask, if any"),
    )
}

/// Returns a rejected record without masked values. Values with others inside
/// are removed too, because their columns are not known. So is the reason,
/// which may quote any value.
pub(in crate::pipeline) fn mask_rejected(masks: &Masks, rejected: Rejected) -> Rejected {
    if masks.is_empty() {
        return rejected;
    }
    let is_masked = |key: &str| {
        let mut masked = masks.keys();
        masked.any(|column| key.eq_ignore_ascii_case(column) || has_name_of_sibling(key, column))
    };
    let record = match serde_json::from_str(&rejected.record) {
        Ok(Json::Object(mut fields)) => {
            for (key, value) in &mut fields {
                if is_masked(key) || value.is_object() || value.is_array() {
                    *value = Json::Null;
                }
            }
            Json::Object(fields)
        }
        _ => Json::Null,
    };
    Rejected {
        resource: rejected.resource,
        record: record.to_string(),
        reason: "not kept, because columns of the resource are masked".to_owned(),
    }
}

/// Returns the texts that identify a part of the rows, as they are stored.
pub(super) fn stored_texts(
    masks: &Masks,
    resource: &str,
    part: &UnreadPart,
) -> Result<Vec<String>, PipelineError> {
    match mask_for(masks, &part.column) {
        None => Ok(part.values.clone()),
        Some(Mask::Sha256) => {
            let values = part.values.iter();
            Ok(values.map(|text| sha256(text.as_bytes())).collect())
        }
        Some(Mask::Null | Mask::Partial) => Err(PipelineError::settings(
            format!(
                "`mask` hides `{}` of `{resource}`, which identifies the rows to keep when a part of the source cannot be read",
                part.column
            ),
            "set the mask of the column to `sha256`, or remove it".to_owned(),
        )),
    }
}

/// The masks of a list of columns.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct Masking {
    schema: SchemaRef,
    /// Mask of each column.
    masks: Vec<Option<Mask>>,
}

impl Masking {
    /// Applies masks to the columns of a resource. A column and its siblings
    /// have the same mask. Refuses a mask for an unknown column.
    pub(in crate::pipeline) fn new(
        masks: &Masks,
        resource: &str,
        source: &SourceSchema,
        kind: PageKind,
    ) -> Result<Self, PipelineError> {
        let fields = source.columns.fields();
        // The last column of changes is a flag, not a column of the resource.
        let count = fields.len() - usize::from(kind == PageKind::Changes && !fields.is_empty());
        let own = || fields.iter().take(count).map(|field| field.name().as_str());
        for column in masks.keys() {
            if !own().any(|name| name.eq_ignore_ascii_case(column)) {
                let hint = names::nearest(column, own()).map_or_else(
                    || format!("its columns are {}", own().collect::<Vec<_>>().join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                );
                return Err(PipelineError::settings(
                    format!("`mask` names `{column}`, which is not a column of `{resource}`"),
                    hint,
                ));
            }
        }
        let mask = |name: &str| {
            let siblings = source.siblings.iter();
            let bases = siblings
                .filter(|sibling| sibling.name.eq_ignore_ascii_case(name))
                .map(|sibling| sibling.column.as_str());
            std::iter::once(name)
                .chain(bases)
                .find_map(|column| mask_for(masks, column))
        };
        let mut by_column: Vec<_> = own().map(mask).collect();
        by_column.resize(fields.len(), None);
        let stored = fields.iter().zip(&by_column).map(|(field, mask)| {
            let data_type = match mask {
                None => return Arc::clone(field),
                Some(Mask::Null) => field.data_type().clone(),
                Some(Mask::Sha256 | Mask::Partial) => DataType::Utf8,
            };
            Arc::new(Field::new(field.name(), data_type, true))
        });
        Ok(Self {
            schema: Arc::new(Schema::new(stored.collect::<Vec<_>>())),
            masks: by_column,
        })
    }

    /// Returns the columns of a resource after masking.
    pub(super) fn masked(&self, source: &SourceSchema) -> SourceSchema {
        SourceSchema {
            columns: Arc::clone(&self.schema),
            ..source.clone()
        }
    }

    /// Columns after masking.
    pub(in crate::pipeline) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Masks rows.
    pub(in crate::pipeline) fn apply(
        &self,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        if self.masks.iter().all(Option::is_none) {
            return Ok(batch.clone());
        }
        let columns = batch.columns().iter().zip(&self.masks);
        let columns = columns.map(|(column, mask)| match mask {
            None => Ok(Arc::clone(column)),
            Some(Mask::Null) => Ok(new_null_array(column.data_type(), column.len())),
            Some(Mask::Sha256) => texts(column, |value| sha256(value.bytes())),
            Some(Mask::Partial) => texts(column, |value| value.partial()),
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
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

/// Returns the SHA-256 in lower-case hex.
fn sha256(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to memory does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
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
    use crate::model::siblings::Sibling;

    fn masks(masks: &[(&str, Mask)]) -> Masks {
        let owned = masks.iter().map(|(name, mask)| ((*name).to_owned(), *mask));
        owned.collect()
    }

    fn source(batch: &RecordBatch, siblings: &[(&str, &str)]) -> SourceSchema {
        let sibling =
            |(name, column): &(&str, &str)| Sibling::new((*name).to_owned(), (*column).to_owned());
        SourceSchema {
            columns: batch.schema(),
            primary_key: Vec::new(),
            siblings: siblings.iter().map(sibling).collect(),
        }
    }

    fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let nullable = columns
            .into_iter()
            .map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
    }

    /// Masks one column.
    fn masked(mask: Mask, column: ArrayRef) -> ArrayRef {
        let batch = rows(vec![("c", column)]);
        let masking = Masking::new(
            &masks(&[("c", mask)]),
            "t",
            &source(&batch, &[]),
            PageKind::Rows,
        );
        let stored = masking.unwrap().apply(&batch).unwrap();
        Arc::clone(stored.column(0))
    }

    fn shown(column: &ArrayRef) -> Vec<Option<&str>> {
        column.as_string::<i32>().iter().collect()
    }

    #[test]
    fn a_hash_is_that_of_the_bytes_of_the_value() {
        // echo -n abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let text = masked(
            Mask::Sha256,
            Arc::new(StringArray::from(vec![Some("abc"), None])),
        );
        assert_eq!(shown(&text), [Some(abc), None]);
        let blob = masked(Mask::Sha256, Arc::new(BinaryArray::from(vec![&b"abc"[..]])));
        assert_eq!(shown(&blob), [Some(abc)]);
        let same = |column: ArrayRef, text: &str| {
            assert_eq!(
                shown(&masked(Mask::Sha256, column)),
                [Some(&*sha256(text.as_bytes()))]
            );
        };
        same(Arc::new(Int64Array::from(vec![-12])), "-12");
        same(Arc::new(Float64Array::from(vec![1.0])), "1");
        same(Arc::new(Float64Array::from(vec![0.1])), "0.1");
        same(Arc::new(BooleanArray::from(vec![true])), "true");
        same(Arc::new(Date32Array::from(vec![0])), "1970-01-01");
        let decimals = Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2);
        same(Arc::new(decimals.unwrap()), "1.50");
        let times = TimestampMicrosecondArray::from(vec![1]).with_timezone("UTC");
        same(Arc::new(times), "1970-01-01T00:00:00.000001Z");
    }

    #[test]
    fn a_null_mask_keeps_only_the_type() {
        let column = masked(Mask::Null, Arc::new(Int64Array::from(vec![Some(1), None])));
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
        let numbers = masked(
            Mask::Partial,
            Arc::new(Int64Array::from(vec![Some(1_234), Some(7), None])),
        );
        assert_eq!(shown(&numbers), [Some("1***"), Some("***"), None]);
        let truths = masked(Mask::Partial, Arc::new(BooleanArray::from(vec![false])));
        assert_eq!(shown(&truths), [Some("***")]);
        let blobs = masked(
            Mask::Partial,
            Arc::new(BinaryArray::from(vec![&b"secret"[..]])),
        );
        assert_eq!(shown(&blobs), [Some("***")]);
    }

    #[test]
    fn a_mask_covers_siblings_and_ignores_case() {
        let batch = rows(vec![
            ("id", Arc::new(Int64Array::from(vec![1]))),
            ("Email", Arc::new(StringArray::from(vec![None::<&str>]))),
            (
                "Email__blob",
                Arc::new(BinaryArray::from(vec![&b"abc"[..]])),
            ),
        ]);
        let source = source(&batch, &[("Email__blob", "Email")]);
        let masking = Masking::new(
            &masks(&[("EMAIL", Mask::Sha256)]),
            "t",
            &source,
            PageKind::Rows,
        );
        let masking = masking.unwrap();
        let stored = masking.apply(&batch).unwrap();
        assert_eq!(stored.schema_ref(), masking.schema());
        assert_eq!(stored.column(0), batch.column(0));
        assert_eq!(shown(stored.column(1)), [None]);
        assert_eq!(shown(stored.column(2)), [Some(&*sha256(b"abc"))]);
    }

    #[test]
    fn a_mask_for_an_unknown_column_is_refused() {
        let batch = rows(vec![
            ("email", Arc::new(StringArray::from(vec!["a"]))),
            ("gone", Arc::new(BooleanArray::from(vec![true]))),
        ]);
        let new = |column, kind| {
            let masks = masks(&[(column, Mask::Null)]);
            Masking::new(&masks, "users", &source(&batch, &[]), kind)
        };
        let error = new("emails", PageKind::Rows).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`mask` names `emails`, which is not a column of `users`"
        );
        assert_eq!(error.hint().as_deref(), Some("did you mean `email`?"));
        let error = new("phone_number", PageKind::Rows).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("its columns are email, gone"));
        // The flag of deleted rows is not a value of a row.
        assert!(new("gone", PageKind::Rows).is_ok());
        assert!(new("gone", PageKind::Changes).is_err());
    }

    #[test]
    fn a_rejected_record_keeps_no_masked_value() {
        let masked = |record: &str| {
            let rejected = Rejected {
                resource: "t".to_owned(),
                record: record.to_owned(),
                reason: "`bob@x.org` is too long".to_owned(),
            };
            mask_rejected(&masks(&[("email", Mask::Partial)]), rejected)
        };
        let kept =
            masked(r#"{"id":1,"EMAIL":"bob@x.org","email__text":"bob@x.org","row":["bob@x.org"]}"#);
        let record: Json = serde_json::from_str(&kept.record).unwrap();
        assert_eq!(
            record,
            serde_json::json!({"id": 1, "EMAIL": null, "email__text": null, "row": null})
        );
        assert!(!kept.reason.contains("bob"));
        for record in [r#""bob@x.org""#, r#"["bob@x.org"]"#, r#"{"email":"bob@x.o"#] {
            assert_eq!(masked(record).record, "null");
        }
        let open = Rejected {
            resource: "t".to_owned(),
            record: "no JSON".to_owned(),
            reason: "why".to_owned(),
        };
        let kept = mask_rejected(&Masks::new(), open);
        assert_eq!((&*kept.record, &*kept.reason), ("no JSON", "why"));
    }
}
