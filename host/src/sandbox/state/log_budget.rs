//! Messages of a guest: bounded in length and number, and each on one line.

/// Length to which a message is cut.
const MAX_BYTES: usize = 8 << 10;
/// Cost of a line in addition to its message: time, level and names. Without
/// it, empty messages would be free.
const LINE_BYTES: u64 = 64;

/// Bytes that an instance may still log.
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

    /// Returns the message to log, or `None` once the budget is used up.
    pub(super) fn admit(&mut self, message: &str) -> Option<String> {
        if self.used_up {
            return None;
        }
        let mut end = message.len().min(MAX_BYTES);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let Some(left) = self.left.checked_sub(end as u64 + LINE_BYTES) else {
            self.used_up = true;
            tracing::warn!(target: "connector", "the connector reached its limit `log`; later messages are dropped");
            return None;
        };
        self.left = left;
        // A message must not look like a line of the host.
        Some(
            message[..end]
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect(),
        )
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
        let mut budget = LogBudget::new(LINE_BYTES + 10);
        assert!(budget.admit("12345678").is_some());
        assert!(budget.admit("12345678").is_none());
        assert!(budget.admit("").is_none());
    }

    #[test]
    fn empty_messages_are_not_free() {
        let mut budget = LogBudget::new(10 * LINE_BYTES);
        let admitted = (0..1000).filter(|_| budget.admit("").is_some());
        assert_eq!(admitted.count(), 10);
    }
}
