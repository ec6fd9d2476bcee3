//! The WIT interface `log`: a guest's messages become events of `tracing`,
//! on one line and within a budget.

use super::bindings::connector::source::log::{Host, Level};
use super::state::State;

/// The longest message that is kept whole.
const LONGEST: usize = 8 << 10;
/// What a line costs beside its message: its time, level and names. Without
/// it, empty messages would be free.
const LINE: u64 = 64;

/// How much an instance may still log.
#[derive(Debug)]
pub(super) struct LogBudget {
    left: u64,
    used_up: bool,
}

impl LogBudget {
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            left: bytes,
            used_up: false,
        }
    }

    /// The message as it may be logged; none once the budget is used up.
    fn admit(&mut self, message: &str) -> Option<String> {
        if self.used_up {
            return None;
        }
        let mut end = message.len().min(LONGEST);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let Some(left) = self.left.checked_sub(end as u64 + LINE) else {
            self.used_up = true;
            tracing::warn!(target: "connector", "the connector has used up its log; later messages are dropped");
            return None;
        };
        self.left = left;
        // A message must not be able to look like a line of the host's.
        Some(
            message[..end]
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect(),
        )
    }
}

impl Host for State {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if let Some(message) = self.log.admit(&message) {
            match level {
                Level::Trace => tracing::trace!(target: "connector", "{message}"),
                Level::Debug => tracing::debug!(target: "connector", "{message}"),
                Level::Info => tracing::info!(target: "connector", "{message}"),
                Level::Warn => tracing::warn!(target: "connector", "{message}"),
                Level::Error => tracing::error!(target: "connector", "{message}"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(
            LogBudget::new(1000).admit("a\nERROR b\u{1b}[0m").as_deref(),
            Some("a ERROR b [0m")
        );
    }

    #[test]
    fn a_flood_ends_with_the_budget() {
        let mut budget = LogBudget::new(LINE + 10);
        assert!(budget.admit("12345678").is_some());
        assert!(budget.admit("12345678").is_none());
        assert!(budget.admit("").is_none());
    }

    #[test]
    fn empty_messages_are_not_free() {
        let mut budget = LogBudget::new(10 * LINE);
        let admitted = (0..1000).filter(|_| budget.admit("").is_some());
        assert_eq!(admitted.count(), 10);
    }
}
