//! Memory that DuckDB may use.

/// Memory for any table. What exceeds it is spilled to a file next to the
/// database. The process holds about 100 MB more than this (the library, and
/// what its allocator keeps). Measured with eight columns: as fast as with
/// 1 GB, and the same for one million rows and for five.
const BASE_BYTES: usize = 48 << 20;
/// Additional memory for each column of the widest table. A column's block is
/// 256 KiB, and the next one is begun before it is written.
const BYTES_PER_WIDEST_COLUMN: usize = 512 << 10;
/// Additional memory for each column of every table of a load: the transaction
/// holds the beginning of each column until it ends. Two thousand tables of
/// four columns need some 250 MB.
const BYTES_PER_COLUMN: usize = 64 << 10;
/// Additional memory for statements that find rows by their keys.
const MERGE_BYTES: usize = 192 << 20;
/// Granularity of the limit, so that not every table changes it.
const STEP_BYTES: usize = 4 << 20;

/// Memory that a database may use, by what was announced so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MemoryBudget {
    /// Columns of the widest table.
    widest_table: usize,
    /// Columns of all tables.
    columns: usize,
    /// True if rows are found by their keys.
    merges: bool,
}

impl MemoryBudget {
    /// Allows for another table.
    pub(super) fn add_table(&mut self, columns: usize) {
        self.widest_table = self.widest_table.max(columns);
        self.columns += columns;
    }

    /// Allows for merges.
    pub(super) fn add_merge(&mut self) {
        self.merges = true;
    }

    /// Returns the value of DuckDB's setting `memory_limit`.
    pub(super) fn setting(self) -> String {
        let merge = if self.merges { MERGE_BYTES } else { 0 };
        let bytes = BASE_BYTES
            + merge
            + self.widest_table * BYTES_PER_WIDEST_COLUMN
            + self.columns * BYTES_PER_COLUMN;
        format!("{}MiB", bytes.next_multiple_of(STEP_BYTES) >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_grows_with_columns_and_merges() {
        let mut memory = MemoryBudget::default();
        assert_eq!(memory.setting(), "48MiB");
        memory.add_table(8);
        assert_eq!(memory.setting(), "56MiB");
        memory.add_merge();
        assert_eq!(memory.setting(), "248MiB");
    }
}
