//! Where an incremental read goes on. Never looked into by the host.

/// A position in a resource, in a format that only its connector knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Format of `value`; a connector refuses a version that it does not know.
    pub version: u32,
    /// The position itself.
    pub value: Vec<u8>,
}
