//! Patterns of names.

/// True if a text has a character that makes it a pattern.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Returns the number of characters that stand for themselves.
#[must_use]
pub fn literal_chars(pattern: &str) -> usize {
    let is_literal = |c: &char| !matches!(c, '*' | '?');
    pattern.chars().filter(is_literal).count()
}

/// True if a name matches a pattern: `*` matches any characters, `?` matches
/// one. The case of ASCII letters is ignored.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut next) = (0, 0);
    // Position of the last `*`, and the end of the characters that it matches.
    let mut star: Option<(usize, usize)> = None;
    while next < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, next));
                at += 1;
            }
            Some(c) if *c == '?' || c.eq_ignore_ascii_case(&name[next]) => {
                at += 1;
                next += 1;
            }
            _ => match star {
                Some((back, end)) => {
                    star = Some((back, end + 1));
                    (at, next) = (back + 1, end + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_names() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("*", "", true),
            ("orders", "Orders", true),
            ("orders", "orders2", false),
            ("log_*", "log_", true),
            ("log_*", "blog_a", false),
            ("*_at", "at_at_at", true),
            ("*_at", "created_at2", false),
            ("t?", "tä", true),
            ("t?", "t", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(is_pattern("log_*") && is_pattern("?") && !is_pattern("log"));
        assert!(literal_chars("log_*") > literal_chars("*"));
    }
}
