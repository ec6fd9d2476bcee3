//! What a read is asked for, and within which bounds.

/// One resource that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Its name.
    pub resource: String,
    /// Its columns; all, if empty.
    pub columns: Vec<String>,
}

/// Bounds of a read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most rows of a page.
    pub page_rows: u64,
    /// The most rows of each resource.
    pub row_limit: Option<u64>,
    /// Whether pages need not be of one point in time.
    pub resumable: bool,
}
