//! Conversions of stored columns to other types, as DuckDB's SQL. A conversion
//! has a condition that is true for the values that stay the same, by the rules
//! by which new values are read.

use crate::destination::sql::{Conversion, literal};
use crate::destination::stored_type::StoredType;

/// Text of a day, or of a time without an offset or in UTC, to the microsecond.
const TIME: &str = r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?([Zz]|[+-]00(:?00)?)?)?";

/// Returns the conversion of a quoted column. `None` if there is none.
pub(super) fn conversion(column: &str, from: StoredType, to: StoredType) -> Option<Conversion> {
    use StoredType::{Boolean, Date, Decimal, Float64, Int64, Text, Timestamp, TimestampUtc};

    let c = column;
    let is = |pattern: &str| format!("regexp_full_match({c}, {})", literal(pattern));
    let conversion = |value: String, keeps: String| Some(Conversion { value, keeps });
    match (from, to) {
        (Text, Timestamp | TimestampUtc) => {
            let plain = format!("regexp_replace({c}, '([Zz]|[+-]00(:?00)?)$', '')");
            // The end of a day can look like an offset.
            let plain = format!("CASE WHEN length({c}) <= 10 THEN {c} ELSE {plain} END");
            let value = if to == Timestamp {
                format!("TRY_CAST({plain} AS TIMESTAMP)")
            } else {
                format!("make_timestamptz(epoch_us(TRY_CAST({plain} AS TIMESTAMP)))")
            };
            conversion(
                value.clone(),
                format!("{} AND {value} IS NOT NULL", is(TIME)),
            )
        }
        (Text, Date) => {
            let value = format!("TRY_CAST({c} AS DATE)");
            let keeps = format!("{} AND {value} IS NOT NULL", is(r"\d{4}-\d\d-\d\d"));
            conversion(value, keeps)
        }
        (Text, Decimal(precision, scale)) => {
            let value = format!("TRY_CAST({c} AS DECIMAL({precision},{scale}))");
            let fraction = if scale == 0 {
                r"(\.0*)?".to_owned()
            } else {
                format!(r"(\.\d{{0,{scale}}}0*)?")
            };
            let keeps = is(&format!(r"[+-]?\d+{fraction}"));
            let keeps = format!("{keeps} AND {value} IS NOT NULL");
            conversion(value, keeps)
        }
        (Text, Int64) => {
            let value = format!("TRY_CAST({c} AS BIGINT)");
            let keeps = format!("{} AND {value} IS NOT NULL", is(r"[+-]?\d+"));
            conversion(value, keeps)
        }
        (Text, Boolean) => conversion(
            format!("lower({c}) IN ('true', 't', '1')"),
            format!("lower({c}) IN ('true', 't', '1', 'false', 'f', '0')"),
        ),
        (Int64, Boolean) => conversion(format!("{c} = 1"), format!("{c} IN (0, 1)")),
        (Int64, Float64) => {
            let value = format!("CAST({c} AS DOUBLE)");
            let keeps = format!("{c} BETWEEN -9007199254740992 AND 9007199254740992");
            conversion(value, keeps)
        }
        (Int64, Text) => conversion(format!("CAST({c} AS VARCHAR)"), "TRUE".to_owned()),
        (Int64, Decimal(precision, scale)) => {
            let value = format!("TRY_CAST({c} AS DECIMAL({precision},{scale}))");
            let keeps = format!("{value} IS NOT NULL");
            conversion(value, keeps)
        }
        (Float64, Int64) => {
            let value = format!("TRY_CAST({c} AS BIGINT)");
            let keeps = format!("{c} = trunc({c}) AND abs({c}) <= 9007199254740992");
            conversion(value, keeps)
        }
        (Float64, Decimal(precision, scale)) => {
            let value = format!("TRY_CAST({c} AS DECIMAL({precision},{scale}))");
            let back = format!("CAST({value} AS DOUBLE)");
            // A float may differ from a decimal after its first 15 digits.
            let keeps = format!(
                "{value} IS NOT NULL AND ({back} = {c} OR (abs({c}) < 1e{} AND \
                 format('{{:.14e}}', {back}) = format('{{:.14e}}', {c})))",
                15 - i32::from(scale)
            );
            conversion(value, keeps)
        }
        (Decimal(..), Decimal(precision, scale)) => {
            let value = format!("TRY_CAST({c} AS DECIMAL({precision},{scale}))");
            let keeps = format!("{value} IS NOT NULL AND {value} = {c}");
            conversion(value, keeps)
        }
        (Date, Timestamp) => conversion(format!("CAST({c} AS TIMESTAMP)"), "TRUE".to_owned()),
        _ => None,
    }
}
