//! A credential. Only one method reveals its value, for use in a request.

use std::fmt;

/// A secret value. It has no `Display` and no `Serialize`, and its `Debug` hides
/// the value.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Creates a secret. Surrounding whitespace is trimmed, such as the line end
    /// of a file.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// Returns the value. Call this only where a request is sent.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
    }
}
