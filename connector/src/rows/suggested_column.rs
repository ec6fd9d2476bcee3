//! A growing column whose declared type suggests a logical type. If all values
//! of the first page are values of that type, the column gets it; with the
//! first other value, the column becomes plain, and all values are appended
//! again.

use arrow_array::ArrayRef;

use super::cast::CastBuilder;
use super::columns::Storage;
use super::datum::Datum;
use super::declared_type::DeclaredType;
use super::value::Value;
use crate::moment::WrittenTime;

/// Values of the first page, all of which are values of the suggested type.
#[derive(Debug)]
pub(super) struct SuggestedColumn {
    declared: DeclaredType,
    cast: CastBuilder,
    /// True if the times state an offset; `None` before the first time.
    states_offset: Option<bool>,
    values: Vec<Value>,
    text_bytes: usize,
}

impl SuggestedColumn {
    /// Creates a column without values.
    pub(super) fn new(declared: DeclaredType) -> Self {
        Self {
            declared,
            cast: CastBuilder::new(declared.logical(false)),
            states_offset: None,
            values: Vec::new(),
            text_bytes: 0,
        }
    }

    /// Appends a value. Returns false, and appends nothing, if it is not of the
    /// suggested type.
    pub(super) fn push(&mut self, datum: &Datum<'_>) -> bool {
        let is_written_so = match self.declared {
            DeclaredType::Time => self.has_form_of_others(datum),
            // A text would be the same as the number.
            DeclaredType::Boolean => !matches!(datum, Datum::Text(_)),
            DeclaredType::Date | DeclaredType::Decimal { .. } => true,
        };
        let pushed = is_written_so && self.cast.push(datum);
        if pushed {
            if let Datum::Text(text) = datum {
                self.text_bytes += text.len();
            }
            self.values.push(datum.to_value());
        }
        pushed
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns the bytes of the texts, which a plain column would hold.
    pub(super) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Returns the storage of a column that is not of the suggested type.
    pub(super) fn plain_storage(&self) -> Storage {
        Storage::Suggested(self.declared).plain()
    }

    /// Returns the values, to append them to a plain column.
    pub(super) fn take_values(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.values)
    }

    /// Returns the column so far, and the builder of its next pages.
    pub(super) fn finish(&mut self) -> (ArrayRef, CastBuilder) {
        let array = self.cast.finish();
        let empty = CastBuilder::new(self.declared.logical(false));
        (array, std::mem::replace(&mut self.cast, empty))
    }

    /// Returns true if a text states an offset as the times before it do. The
    /// first time decides if the column is in UTC.
    fn has_form_of_others(&mut self, datum: &Datum<'_>) -> bool {
        let Datum::Text(text) = *datum else {
            return true;
        };
        let Some(time) = WrittenTime::parse(text) else {
            return false;
        };
        let states_offset = time.offset.is_some();
        if self.states_offset.is_none() {
            self.states_offset = Some(states_offset);
            if states_offset {
                self.cast = CastBuilder::new(self.declared.logical(true));
                for _ in 0..self.values.len() {
                    self.cast.push_null();
                }
            }
        }
        self.states_offset == Some(states_offset)
    }
}
