//! The saved position of an incremental read. Opaque to the host.

/// A saved position in a resource, in a format that only its connector knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Format version of `value`. A connector refuses a version that it does not
    /// know.
    pub version: u32,
    /// Encoded position.
    pub value: Vec<u8>,
}
