//! Quoting of names and texts in standard SQL. The only module that puts
//! quotes around anything.

/// Quotes a name as an identifier, whatever characters it holds.
pub(in crate::destination) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text as a literal, whatever characters it holds.
pub(in crate::destination) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits an SQL text into its first token, which must be in quotes, and
    /// the rest. As in SQL, a doubled quote is one quote, a single quote ends
    /// the token, and no other character is special.
    fn first_token(text: &str, quote: char) -> Option<(String, &str)> {
        let mut rest = text.strip_prefix(quote)?;
        let mut inner = String::new();
        loop {
            let (before, after) = rest.split_once(quote)?;
            inner.push_str(before);
            match after.strip_prefix(quote) {
                Some(after) => {
                    inner.push(quote);
                    rest = after;
                }
                None => return Some((inner, after)),
            }
        }
    }

    /// Asserts that a quoted name is one token, whatever follows it.
    fn assert_one_token(name: &str) {
        for after in ["", ";", ".x", " \"", "'"] {
            let sql = quoted(name) + after;
            let (token, rest) = first_token(&sql, '"').unwrap();
            assert!(token == name && rest == after, "{name:?}");
            let sql = literal(name) + after.trim_start_matches('\'');
            let (token, rest) = first_token(&sql, '\'').unwrap();
            assert!(token == name && sql.ends_with(rest), "{name:?}");
        }
    }

    #[test]
    fn a_quoted_name_reads_back_unchanged() {
        // All texts of up to five of the characters that matter.
        let alphabet = ['"', '\'', '\\', ';', 'é'];
        let mut names = vec![String::new()];
        let mut from = 0;
        for _ in 0..5 {
            let longer: Vec<_> = names[from..]
                .iter()
                .flat_map(|name| {
                    alphabet
                        .iter()
                        .map(move |character| format!("{name}{character}"))
                })
                .collect();
            from = names.len();
            names.extend(longer);
        }
        for name in names {
            assert_one_token(&name);
        }
    }

    #[test]
    fn any_name_is_one_token() {
        const PIECES: [&str; 16] = [
            "\"",
            "\"\"",
            "'",
            "\\",
            "\0",
            "\n",
            "\r\n",
            "--",
            "/*",
            "*/",
            ";",
            "$$",
            "E'",
            "U&\"",
            "DROP TABLE t",
            "\u{202e}",
        ];
        // Deterministic names: xorshift, from any seed but zero.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u32::try_from(state >> 32).unwrap() % below
        };
        for _ in 0..20_000 {
            let mut name = String::new();
            for _ in 0..random(12) {
                match random(3) {
                    0 => name.extend(char::from_u32(random(0x11_0000))),
                    1 => name.extend(char::from_u32(random(0x80))),
                    _ => name.push_str(PIECES[random(16) as usize]),
                }
            }
            assert_one_token(&name);
        }
        for piece in PIECES {
            assert_one_token(&piece.repeat(10_000_000 / piece.len()));
        }
    }
}
