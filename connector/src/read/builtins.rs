//! Stage of a read that reads built-in resources.

use std::collections::VecDeque;

use crate::builtin::dump::Dump;
use crate::builtin::{self, Builtin};
use crate::config::{Config, missing_database};
use crate::database::server::Server;
use crate::failure::Failure;
use crate::output::Output;
use crate::selection::ReadOptions;

/// Reader of built-in resources, one after the other.
#[derive(Debug)]
pub(super) struct BuiltinReader {
    remaining: VecDeque<Builtin>,
    /// Dump that is being read; all others fit one step.
    dump: Option<Box<Dump>>,
}

impl BuiltinReader {
    /// Creates a reader of built-in resources.
    pub(super) fn new(remaining: VecDeque<Builtin>) -> Self {
        Self {
            remaining,
            dump: None,
        }
    }

    /// Reads a resource, or a page of a dump. Returns false at the end.
    pub(super) async fn step(
        &mut self,
        server: Option<&Server>,
        config: &Config,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        if let Some(dump) = &mut self.dump {
            match dump.step(options, output).await {
                Ok(true) => return Ok(true),
                Ok(false) => dump.end(output)?,
                Err(error) => builtin::record_failure(error, output)?,
            }
            self.dump = None;
            return Ok(true);
        }
        let Some(builtin) = self.remaining.pop_front() else {
            return Ok(false);
        };
        let server = server.ok_or_else(|| missing_database(builtin.info().name))?;
        self.dump = builtin.read(server, config, options, output).await?;
        Ok(true)
    }
}
