//! A resolver whose answers a test writes, and which counts its look-ups.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use connector_host::sandbox::egress::resolver::{Resolve, Resolving};

/// Names and their answers. Cheap to clone; clones share the counts.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeMap<String, Name>>>);

/// Stands for every other name. No host is called so.
const ANY: &str = "*";

struct Name {
    /// One for each look-up; the last one stays.
    answers: Vec<Vec<IpAddr>>,
    asked: usize,
}

impl Names {
    /// Every look-up of `host` gets the next of these answers.
    pub(crate) fn set(&self, host: &str, answers: &[&[&str]]) {
        let address = |text: &&str| text.parse().unwrap();
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(address).collect())
            .collect();
        let name = Name { answers, asked: 0 };
        self.0.lock().unwrap().insert(host.to_owned(), name);
    }

    /// Every name that has no answers of its own gets this one.
    pub(crate) fn otherwise(&self, addresses: &[&str]) {
        self.set(ANY, &[addresses]);
    }

    /// How often `host` was looked up.
    pub(crate) fn asked(&self, host: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .get(host)
            .map_or(0, |name| name.asked)
    }
}

impl Resolve for Names {
    fn resolve(&self, host: &str) -> Resolving {
        let mut names = self.0.lock().unwrap();
        let key = if names.contains_key(host) { host } else { ANY };
        let answer = names.get_mut(key).map(|name| {
            let answer = name.answers[name.asked.min(name.answers.len() - 1)].clone();
            name.asked += 1;
            answer
        });
        Box::pin(async move { answer.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    }
}
