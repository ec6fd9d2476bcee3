//! Random numbers, and the values that are made of them.

/// Generator of a reproducible sequence of numbers (xorshift).
pub(super) struct Random(u64);

impl Random {
    /// Creates a generator from a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// Returns a number below a bound.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    /// Returns a short text with characters that have to be quoted.
    pub(super) fn text(&mut self) -> String {
        const PIECES: [&str; 8] = ["a", "Ä", "\n", "\"", "''", ",", "表", " "];
        let pieces = (0..self.below(6)).map(|_| self.0);
        let count = pieces.count();
        (0..count)
            .map(|_| PIECES[usize::try_from(self.below(8)).unwrap_or(0)])
            .collect()
    }

    /// Returns a document of up to three items with up to two tags each.
    pub(super) fn cart(&mut self) -> String {
        let count = self.below(4);
        let items: Vec<_> = (0..count)
            .map(|_| {
                let tags: Vec<_> = (0..self.below(3)).map(|tag| tag.to_string()).collect();
                let sku = self.below(1000);
                format!("{{\"sku\":\"{sku}\",\"tags\":[{}]}}", tags.join(","))
            })
            .collect();
        format!("{{\"count\":{count},\"items\":[{}]}}", items.join(","))
    }

    /// Returns a value of a random storage class, as SQL.
    pub(super) fn any_value(&mut self) -> String {
        match self.below(5) {
            0 => "NULL".to_owned(),
            1 => self.below(1 << 40).to_string(),
            2 => format!("{}.25", self.below(1000)),
            3 => format!("'{}'", self.text()),
            _ => "x'00ff'".to_owned(),
        }
    }
}
