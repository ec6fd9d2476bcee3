//! Size of pages, adapted to the size of the responses. Sends no requests.

use crate::selection::ReadOptions;

/// Maximum size of a response in bytes: servers do not build larger ones.
const MAX_RESPONSE_BYTES: u64 = 10_000_000;

/// Bounds of the size of a response, in bytes. The margin below the maximum
/// allows for rows that are larger than those before.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageBytes {
    /// Size that pages are adapted to.
    pub(super) target: usize,
    /// Size above which pages shrink.
    pub(super) large: usize,
}

/// Number of rows of the next page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRows {
    /// Number of rows to request.
    pub(super) rows: u64,
    /// Maximum that the operator permits.
    max: u64,
    bytes: PageBytes,
}

impl PageBytes {
    /// Returns the bounds for the maximum that the host accepts.
    pub(super) fn new(options: &ReadOptions) -> Self {
        let max = options.page_bytes.unwrap_or(u64::MAX);
        let max = max.min(MAX_RESPONSE_BYTES);
        let part = |tenths: u64| usize::try_from(max * tenths / 10).unwrap_or(usize::MAX);
        Self {
            target: part(4).max(1),
            large: part(8).max(1),
        }
    }
}

impl PageRows {
    /// Creates the size of a table's first page.
    pub(super) fn new(first: u64, max: u64, bytes: PageBytes) -> Self {
        Self {
            rows: first,
            max,
            bytes,
        }
    }

    /// True if a response is larger than the next ones should be.
    pub(super) fn is_large(&self, bytes: usize) -> bool {
        bytes > self.bytes.large
    }

    /// Adapts the size to a response.
    pub(super) fn adapt(&mut self, rows: u64, bytes: usize) {
        let row_bytes = bytes / usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        let fitting = (self.bytes.target / row_bytes.max(1)).max(1) as u64;
        if self.is_large(bytes) {
            self.rows = fitting.min(self.rows);
        } else if self.rows < self.max && bytes < self.bytes.target / 2 {
            self.rows = fitting.min(self.rows.saturating_mul(4)).min(self.max);
        }
    }

    /// Shrinks the size after a page of `limit` rows was too large.
    pub(super) fn shrink(&mut self, limit: u64) {
        self.rows = (limit / 4).max(1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::deadline::Deadline;

    fn size(page_bytes: Option<u64>) -> PageRows {
        let options = ReadOptions {
            page_rows: 5_000,
            page_bytes,
            row_limit: None,
            resumable: false,
            lenient: false,
            progress: false,
            deadline: Deadline::default(),
            verify: crate::selection::Verification::Off,
            added_column: None,
            types: Arc::default(),
        };
        PageRows::new(500, options.page_rows, PageBytes::new(&options))
    }

    #[test]
    fn a_page_grows_and_shrinks_with_the_size_of_rows() {
        let mut page = size(None);
        page.adapt(500, 50_000);
        assert_eq!(page.rows, 2_000);
        page.adapt(2_000, 200_000);
        assert_eq!(page.rows, 5_000);
        page.adapt(5_000, 9_000_000);
        assert_eq!(page.rows, 2_222);
    }

    #[test]
    fn a_page_keeps_to_the_bytes_that_the_host_accepts() {
        let mut page = size(Some(1_000_000));
        page.adapt(500, 900_000);
        assert_eq!(page.rows, 222);
        let mut larger_than_a_response = size(Some(64 << 20));
        larger_than_a_response.adapt(500, 9_000_000);
        assert_eq!(larger_than_a_response.rows, 222);
    }
}
