//! SQL of the typed encoding.

/// Wraps an expression in the two columns of
/// [`Encoding::Typed`](crate::hrana::decoder::Encoding::Typed). Text becomes a
/// blob, since servers fail on text that is not UTF-8. Infinities become text,
/// since JSON has no infinities.
pub(super) fn encode(expression: &str) -> String {
    format!(
        "CASE WHEN typeof({expression}) = 'text' THEN CAST({expression} AS BLOB) \
         WHEN {expression} IN (9e999, -9e999) THEN CAST({expression} AS TEXT) \
         ELSE {expression} END, typeof({expression})"
    )
}
