//! Recognises the files of loads by their names, so that files which a person
//! puts into the folder are kept.

/// The name of a file that a load made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadFile<'n> {
    /// A data file of this load: `<load id>-<number>.<ending>`, or
    /// `<load id>-<token>-<number>.<ending>` if its writer had a token.
    Data(&'n str),
    /// An upload that was not completed: any name of a load with `#` and a
    /// number at its end.
    Unfinished,
}

impl<'n> LoadFile<'n> {
    /// Parses the name of a file. Returns `None` for a committed manifest, and
    /// for any name that no load creates.
    pub(super) fn parse(name: &'n str) -> Option<Self> {
        let (name, unfinished) = match name.split_once('#') {
            Some((name, number)) => (name, is_number(number)),
            None => (name, false),
        };
        let mut pieces = name.splitn(3, '.');
        let (seconds, middle, ending) = (pieces.next()?, pieces.next()?, pieces.next()?);
        if !is_number(seconds) {
            return None;
        }
        let data = matches!(ending, "parquet" | "jsonl" | "csv")
            && middle
                .split_once('-')
                .is_some_and(|(micros, rest)| is_number(micros) && is_numbered(rest));
        let manifest = ending == "json" && is_number(middle);
        match (data, unfinished) {
            (true, false) => Some(Self::Data(name.split_once('-')?.0)),
            (true, true) => Some(Self::Unfinished),
            (false, true) if manifest => Some(Self::Unfinished),
            _ => None,
        }
    }
}

/// Returns true if a name is that of a manifest that a load in a folder commits:
/// `<load id>.json`.
pub(super) fn is_manifest(name: &str) -> bool {
    let load = name.strip_suffix(".json");
    let load = load.and_then(|load| load.split_once('.'));
    load.is_some_and(|(seconds, micros)| is_number(seconds) && is_number(micros))
}

/// Returns true for `<number>` and `<token>-<number>`.
fn is_numbered(text: &str) -> bool {
    match text.split_once('-') {
        Some((token, number)) => is_token(token) && is_number(number),
        None => is_number(text),
    }
}

/// Returns true for 16 hexadecimal digits.
fn is_token(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_loads_give_are_recognised() {
        assert_eq!(
            LoadFile::parse("1700000000.000001-00000.parquet"),
            Some(LoadFile::Data("1700000000.000001"))
        );
        assert_eq!(
            LoadFile::parse("1700000000.000001-0123456789abcdef-00000.csv"),
            Some(LoadFile::Data("1700000000.000001"))
        );
        assert!(is_manifest("1700000000.000001.json"));
        for other in [
            "notes.json",
            "1.x.json",
            "1.json",
            "1.2.json#1",
            "1.2-3.csv",
        ] {
            assert!(!is_manifest(other), "{other}");
        }
        for unfinished in ["1.2-3.csv#1", "1700000000.000001.json#12"] {
            assert_eq!(
                LoadFile::parse(unfinished),
                Some(LoadFile::Unfinished),
                "{unfinished}"
            );
        }
        for other in [
            "1700000000.000001.json",
            "notes.csv",
            "data-1.parquet",
            "1.2-3.txt",
            "1.2-x.csv",
            "1.2-0123456789abcdef.csv",
            "1.2-0123-4.csv",
            ".lock",
        ] {
            assert_eq!(LoadFile::parse(other), None, "{other}");
        }
    }
}
