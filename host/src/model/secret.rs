//! A credential. Its value is shown by nothing but the one call that puts it
//! into a request.

use std::fmt;

/// A secret value: no `Display`, no `Serialize`, and a `Debug` that shows
/// nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a value from its source. Surrounding white space, such as the
    /// line end of a file, is no part of it.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// The value itself. Call this only where it goes out.
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
    fn debug_shows_nothing_of_the_value() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(..)");
    }
}
