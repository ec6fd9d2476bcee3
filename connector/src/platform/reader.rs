//! Reader of the selected resources of the Platform API, one after the other. A
//! failure of one resource does not affect the others.

use std::collections::VecDeque;
use std::rc::Rc;

use super::client::Client;
use super::parent_lists::ParentLists;
use super::resource_reader::ResourceReader;
use crate::config::Config;
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::output::Output;
use crate::selection::{ReadOptions, Selection};

/// Reader of the selected resources of the Platform API.
#[derive(Debug)]
pub struct PlatformReader {
    client: Rc<Client>,
    config: Config,
    lists: ParentLists,
    remaining: VecDeque<Selection>,
    current: Option<Box<ResourceReader>>,
}

impl PlatformReader {
    /// Creates a reader that has sent no request.
    #[must_use]
    pub fn new(config: &Config, selected: VecDeque<Selection>) -> Self {
        Self {
            client: Rc::new(Client::new(&config.platform)),
            config: config.clone(),
            lists: ParentLists::default(),
            remaining: selected,
            current: None,
        }
    }

    /// Returns the names of the resources that were not begun.
    #[must_use]
    pub fn unread(&self) -> Vec<String> {
        let remaining = self.remaining.iter();
        remaining
            .map(|selection| selection.resource.clone())
            .collect()
    }

    /// Receives one response. Returns false when all resources were read.
    pub async fn step(
        &mut self,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let current = match self.current.take() {
            None => self.start_next(options, output).await?,
            current => current,
        };
        let Some(mut reader) = current else {
            return Ok(!self.remaining.is_empty());
        };
        match reader.step(&self.client, &mut self.lists, output).await {
            Ok(true) => self.current = Some(reader),
            Ok(false) => reader.end(output)?,
            Err(error) => record_failure(reader.resource(), error, output)?,
        }
        Ok(true)
    }

    /// Starts the next resource. Returns nothing if there is none, or if it
    /// failed.
    async fn start_next(
        &mut self,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<Option<Box<ResourceReader>>, Failure> {
        let Some(selection) = self.remaining.pop_front() else {
            return Ok(None);
        };
        output.begin(&selection.resource);
        let settings = &self.config.platform;
        let (client, lists) = (&self.client, &mut self.lists);
        match ResourceReader::start(&selection, settings, options, client, lists, output).await {
            Ok(reader) => Ok(Some(Box::new(reader))),
            Err(error) => record_failure(&selection.resource, error, output).map(|()| None),
        }
    }
}

/// Records the failure of a resource. A request that the host denied and an
/// invalid selection end the read, since the operator must fix them.
fn record_failure(resource: &str, error: Error, output: &mut Output) -> Result<(), Failure> {
    if matches!(error.category, Category::Denied | Category::Config) {
        return Err(Failure::Final(error));
    }
    output.record_failure(resource, error);
    Ok(())
}
