//! Recognises the files of loads by their names, so that files which a person
//! puts into the folder are kept.

/// The name of a file that a load made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoadFile<'n> {
    /// A data file of this load: `<load id>-<number>.<ending>`.
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
                .is_some_and(|(micros, number)| is_number(micros) && is_number(number));
        let manifest = ending == "json" && is_number(middle);
        match (data, unfinished) {
            (true, false) => Some(Self::Data(name.split_once('-')?.0)),
            (true, true) => Some(Self::Unfinished),
            (false, true) if manifest => Some(Self::Unfinished),
            _ => None,
        }
    }
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
            ".lock",
        ] {
            assert_eq!(LoadFile::parse(other), None, "{other}");
        }
    }
}
