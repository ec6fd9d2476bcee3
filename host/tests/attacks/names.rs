//! Resolver with answers from a test. It counts look-ups.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use connector_host::network::{Resolve, Resolving};

/// Names with their answers. Clones share the counts.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeMap<String, Name>>>);

/// Key of the answers for all other names. It is not a valid host.
const ANY: &str = "*";

struct Name {
    /// Answers of successive look-ups. The last one repeats.
    answers: Vec<Vec<IpAddr>>,
    lookups: usize,
}

impl Names {
    /// Sets the answers of successive look-ups of `host`.
    pub(crate) fn set(&self, host: &str, answers: &[&[&str]]) {
        let address = |text: &&str| text.parse().unwrap();
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(address).collect())
            .collect();
        let name = Name {
            answers,
            lookups: 0,
        };
        self.0.lock().unwrap().insert(host.to_owned(), name);
    }

    /// Sets the answer for all other names.
    pub(crate) fn set_default(&self, addresses: &[&str]) {
        self.set(ANY, &[addresses]);
    }

    /// Number of look-ups of `host`.
    pub(crate) fn lookups(&self, host: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .get(host)
            .map_or(0, |name| name.lookups)
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        let mut names = self.0.lock().unwrap();
        let key = if names.contains_key(host) { host } else { ANY };
        let answer = names.get_mut(key).map(|name| {
            let answer = name.answers[name.lookups.min(name.answers.len() - 1)].clone();
            name.lookups += 1;
            answer
        });
        Box::pin(async move { answer.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    }
}
