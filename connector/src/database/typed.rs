//! SQL of the typed encoding.

/// Name of the storage class of text. It is another one if the database stores
/// text as UTF-16, which is how the bytes of a blob of text are then encoded.
const TEXT_CLASS: &str = "CASE CAST('a' AS BLOB) WHEN x'6100' THEN 'text16le' WHEN x'0061' THEN 'text16be' ELSE 'text' END";

/// Wraps an expression in the two columns of
/// [`Encoding::Typed`](crate::hrana::decoder::Encoding::Typed). Text becomes a
/// blob, since servers fail on text that is not UTF-8. Infinities become text,
/// since JSON has no infinities.
pub(super) fn encode(expression: &str) -> String {
    format!(
        "CASE WHEN typeof({expression}) = 'text' THEN CAST({expression} AS BLOB) \
         WHEN {expression} IN (9e999, -9e999) THEN CAST({expression} AS TEXT) \
         ELSE {expression} END, \
         CASE typeof({expression}) WHEN 'text' THEN {TEXT_CLASS} ELSE typeof({expression}) END"
    )
}
