//! Texts of a guest: messages for people and names. Everything in them is input.

use super::error::SandboxError;
use crate::model::{Limit, Limits};

/// Length to which a message is cut, in characters.
const MAX_MESSAGE_CHARS: usize = 4 << 10;

/// Cuts a message and replaces its control characters except line breaks.
pub(super) fn bounded(text: &str) -> String {
    let clean = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let mut bounded: String = text.chars().take(MAX_MESSAGE_CHARS).map(clean).collect();
    if bounded.len() < text.len() && bounded.chars().count() == MAX_MESSAGE_CHARS {
        bounded.push('…');
    }
    bounded
}

/// Validates a name: within the limit, without NUL. It may be empty.
pub(super) fn name(name: String, limits: &Limits) -> Result<String, SandboxError> {
    if name.len() as u64 > limits.text {
        return Err(SandboxError::Limit(Limit::Text));
    }
    if name.contains('\0') {
        return Err(SandboxError::Contract(
            "a name contains a NUL character".to_owned(),
        ));
    }
    Ok(name)
}
