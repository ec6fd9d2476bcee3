//! Tokens of SQL statements, as far as their form has to be known. Knows no
//! grammar.

/// Splits SQL into words, quoted names and single characters, without comments.
/// Returns `None` if a quote is not closed.
#[must_use]
pub fn tokens(sql: &str) -> Option<Vec<&str>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let mut tokens = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            let length = match first {
                '"' | '`' | '\'' => rest[1..].find(first)? + 2,
                '[' => rest.find(']')? + 1,
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            tokens.push(&rest[..length]);
            length
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// Returns the name that a token stands for, without its quotes.
#[must_use]
pub fn name(token: &str) -> String {
    let mut characters = token.chars();
    let end = match characters.next() {
        Some('[') => ']',
        Some(quote @ ('"' | '`' | '\'')) => quote,
        _ => return token.to_owned(),
    };
    let inner = characters.as_str();
    let inner = inner.strip_suffix(end).unwrap_or(inner);
    inner.replace(&format!("{end}{end}"), &end.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_no_part_of_a_name() {
        for (token, expected) in [
            ("a", "a"),
            ("\"a b\"", "a b"),
            ("[a]", "a"),
            ("`a`", "a"),
            ("'a'", "a"),
            ("\"\"", ""),
        ] {
            assert_eq!(name(token), expected, "{token}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_has_no_tokens() {
        assert_eq!(tokens("a \"b"), None);
        assert_eq!(tokens("a -- \"b\n c"), Some(vec!["a", "c"]));
    }
}
