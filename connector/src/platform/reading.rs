//! Reads resources of the Platform API, one after the other, answer by answer.
//! A resource that cannot be read fails by itself.

use std::collections::VecDeque;

use super::client::Client;
use super::job::Job;
use super::lists::Lists;
use crate::config::Config;
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::output::Output;
use crate::selection::{ReadOptions, Selection};

/// The resources of the Platform API that are read.
#[derive(Debug)]
pub struct Reading {
    client: Client,
    config: Config,
    lists: Lists,
    left: VecDeque<Selection>,
    job: Option<Box<Job>>,
}

impl Reading {
    /// A read that has not begun.
    #[must_use]
    pub fn new(config: &Config, left: VecDeque<Selection>) -> Self {
        Self {
            client: Client::new(&config.platform),
            config: config.clone(),
            lists: Lists::new(),
            left,
            job: None,
        }
    }

    /// Takes one answer. False when there is nothing left.
    pub fn step(&mut self, options: &ReadOptions, output: &mut Output) -> Result<bool, Failure> {
        let job = match self.job.take() {
            None => self.begin(options, output)?,
            begun => begun,
        };
        let Some(mut job) = job else {
            return Ok(!self.left.is_empty());
        };
        match job.step(&self.client, &mut self.lists, output) {
            Ok(true) => self.job = Some(job),
            Ok(false) => job.end(output)?,
            Err(error) => failed(job.resource(), error, output)?,
        }
        Ok(true)
    }

    /// Begins the next resource; none if there is none, or if it failed.
    fn begin(
        &mut self,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<Option<Box<Job>>, Failure> {
        let Some(selection) = self.left.pop_front() else {
            return Ok(None);
        };
        output.begin(&selection.resource);
        let settings = &self.config.platform;
        let (client, lists) = (&self.client, &mut self.lists);
        match Job::begin(&selection, settings, options, client, lists, output) {
            Ok(job) => Ok(Some(Box::new(job))),
            Err(error) => failed(&selection.resource, error, output).map(|()| None),
        }
    }
}

/// A resource that cannot be read leaves the others alone. Not one that the
/// host denied, nor one that was asked for in a way that it cannot be: those
/// are for the operator to settle.
fn failed(resource: &str, error: Error, output: &mut Output) -> Result<(), Failure> {
    if matches!(error.category, Category::Denied | Category::Config) {
        return Err(Failure::Final(error));
    }
    output.record_failure(resource, error);
    Ok(())
}
