//! Faults that a test switches on: what happens, to which paths, after how many
//! requests and how often. It decides; others do it.

use serde_json::{Value as Json, json};

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A refusal with this status, without a word about when to come back.
    Status(u16),
    /// A refusal with this status and so many seconds in `retry-after`.
    RetryAfter(u16, u64),
    /// A refusal with this status and a page for people, as what stands before
    /// the API would send it.
    Page(u16),
    /// Half of the answer, sent as if it were all.
    Malformed,
    /// JSON, but with a text wherever the answer has something inside.
    WrongShape,
    /// Half of the answer, then the connection is closed.
    Truncate,
    /// The connection is closed without an answer.
    Reset,
    /// No answer comes for as long as the server runs.
    Stall,
    /// The right answer, but not before so many requests are in flight at once.
    /// One that is never joined by enough others is never answered.
    Together(usize),
}

impl Fault {
    /// Every request to such a path: one `*` stands for any one part, and `**`
    /// at the end for all that follow.
    #[must_use]
    pub fn at(self, path: &str) -> Switched {
        Switched {
            fault: self,
            path: path.to_owned(),
            skipped: 0,
            left: None,
        }
    }
}

/// A fault that is switched on.
#[derive(Clone, Debug)]
pub struct Switched {
    fault: Fault,
    path: String,
    skipped: usize,
    left: Option<usize>,
}

impl Switched {
    /// The first requests go well.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.skipped = requests;
        self
    }

    /// It happens so often, and then no more.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    /// Takes note of a request, and says whether it is its turn.
    fn meets(&mut self, path: &str) -> bool {
        if self.left == Some(0) || !matches(&self.path, path) {
            return false;
        }
        if let Some(fewer) = self.skipped.checked_sub(1) {
            self.skipped = fewer;
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        true
    }
}

/// A limit of how much may be asked. It counts and does not look at a clock, so
/// that a test sees the same every time.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// One of so many requests is refused.
    pub every: usize,
    /// The seconds in `retry-after`, if there is one.
    pub retry_after: Option<u64>,
}

/// All that is switched on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) switched: Vec<Switched>,
    pub(super) limit: Option<RateLimit>,
    seen: usize,
}

impl Faults {
    /// What becomes of a request: the first fault that is meant for it.
    pub(super) fn meet(&mut self, path: &str) -> Option<Fault> {
        self.seen += 1;
        for switched in &mut self.switched {
            if switched.meets(path) {
                return Some(switched.fault.clone());
            }
        }
        let limit = self.limit?;
        self.seen
            .is_multiple_of(limit.every.max(1))
            .then_some(match limit.retry_after {
                Some(seconds) => Fault::RetryAfter(429, seconds),
                None => Fault::Status(429),
            })
    }
}

/// A page for people.
pub(super) const PAGE: &str = "<html><body><h1>Bad gateway</h1></body></html>";

/// The body of a refusal that a fault makes.
pub(super) fn refusal(status: u16) -> String {
    let error = match status {
        402 => "payment required",
        403 => "forbidden",
        404 => "not found",
        409 => "conflict",
        429 => "too many requests",
        500 => "internal server error",
        503 => "service unavailable",
        _ => "something is wrong",
    };
    json!({"error": error}).to_string()
}

/// An answer of another shape.
pub(super) fn misshapen(answer: &Json) -> Json {
    match answer {
        Json::Object(object) => object
            .iter()
            .map(|(name, part)| {
                let inside = part.is_array() || part.is_object();
                (
                    name.clone(),
                    if inside {
                        json!("surprise")
                    } else {
                        json!([part])
                    },
                )
            })
            .collect(),
        _ => json!("surprise"),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (Some("**"), _) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(pattern), Some(part)) if pattern == part => {}
            _ => return false,
        }
    }
}
