//! Patterns of names. Must not know what is named.

/// True if a name matches a pattern: `*` matches any characters, `?` matches
/// one.
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
            Some(c) if *c == '?' || *c == name[next] => {
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
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("shop-*", "shop-1", true),
            ("shop-*", "shop", false),
            ("*-eu", "a-eu-eu", true),
            ("*-eu", "a-eu-us", false),
            ("t?-*b", "t1-aab", true),
            ("t?-*b", "t-aab", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
