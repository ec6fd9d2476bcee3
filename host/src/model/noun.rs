//! Counted nouns in messages.

/// Formats a number with its noun: `1 row`, `2 rows`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    format!("{number} {}", in_number(number, noun))
}

/// Returns a noun in the singular for one, and else in the plural, which ends in
/// "s".
#[must_use]
pub fn in_number(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        let shown = [0, 1, 2, 1_000].map(|number| counted(number, "row"));
        assert_eq!(shown, ["0 rows", "1 row", "2 rows", "1000 rows"]);
    }
}
