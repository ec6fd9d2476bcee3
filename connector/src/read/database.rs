//! Start of the database's part of a read: the snapshot begins, and the plan is
//! made inside it.

use super::feed_preflight;
use super::figures;
use super::plan::Plan;
use super::preflight;
use super::queries;
use super::query_plans::{self, QueryPlans};
use super::requested;
use super::snapshot::Snapshot;
use super::tables::TableReader;
use super::unchanged;
use super::{LaterTargets, Read, Stage};
use crate::config::missing_database;
use crate::database::stream::Stream;
use crate::failure::Failure;
use crate::selection::Selection;

impl Read {
    /// Opens a stream, plans the read in its snapshot, and returns the stage
    /// that reads the first pages.
    pub(super) async fn start_database(&mut self) -> Result<Stage, Failure> {
        let server = self.server.as_ref();
        let server = server.ok_or_else(|| missing_database("tables"))?;
        let dialect = server.dialect().await.map_err(Failure::Final)?;
        let mut snapshot = Snapshot::new(server.stream(dialect));
        let plan = self.plan(&mut snapshot).await;
        if plan.is_err() {
            snapshot.close().await;
        }
        let mut plan = plan?;
        self.output.requests += snapshot.stream.take_requests();
        self.output.point_in_time = snapshot.is_transaction() && !self.restart.is_resumed;
        for (resource, error) in std::mem::take(&mut plan.failures) {
            self.platform
                .retain(|selection| selection.resource != resource);
            self.output.fail(&resource, error);
        }
        self.figures = figures::requests(&plan, &self.requested, &self.options);
        let targets = plan.into_queues();
        let tables = TableReader::new(
            snapshot,
            targets.paged,
            &self.options,
            self.restart.no_prefetch,
        );
        let later = LaterTargets {
            followed: targets.followed,
            whole: targets.whole,
        };
        Ok(Stage::Tables(Box::new(tables), later))
    }

    /// Plans the read, step by step.
    async fn plan(&mut self, snapshot: &mut Snapshot) -> Result<Plan, Failure> {
        self.note_commit(&mut snapshot.stream).await?;
        let mut requested = self.skip_unchanged();
        requested.retain(|selection| selection.invalid.is_none());
        if self.is_nothing_left(&requested) {
            return Ok(Plan::default());
        }
        let explained = query_plans::expected(&requested, &self.options);
        let (catalog, results) = snapshot.begin(&explained).await?;
        let mut plans = QueryPlans::default();
        plans.add(explained, &results);
        let stream = &mut snapshot.stream;
        let requested = if self.options.lenient {
            requested::existing(requested, &catalog, &self.config)
        } else {
            requested
        };
        if self.is_nothing_left(&requested) {
            return Ok(Plan::default());
        }
        let queries = queries::describe(stream, &self.config.queries).await?;
        let encoding = |resource: &str, columns| self.restart.encoding(resource, columns);
        let mut plan = Plan::new(
            &catalog,
            queries,
            &requested,
            &self.config,
            &self.options.types,
            encoding,
        );
        plan.exclude(&self.restart.excluded);
        if let Some(commit) = &self.restart.commit {
            plan.set_commit(&requested, commit);
        }
        feed_preflight::run(stream, &mut plan).await?;
        preflight::run(stream, &mut plan, &self.options, plans).await?;
        Ok(plan)
    }

    /// Notes the server's commit before the snapshot begins, so that the
    /// snapshot includes it. A resumed read keeps the first one, because it has
    /// sent rows of that snapshot.
    async fn note_commit(&mut self, stream: &mut Stream) -> Result<(), Failure> {
        if self.config.skip_unchanged && !self.restart.is_resumed {
            self.restart.commit = unchanged::current_commit(stream).await?;
        }
        Ok(())
    }

    fn skip_unchanged(&mut self) -> Vec<Selection> {
        match &self.restart.commit {
            Some(commit) => {
                let output = &mut self.output;
                unchanged::skip_unchanged(&self.requested, commit, &self.config, output)
            }
            None => self.requested.clone(),
        }
    }

    fn is_nothing_left(&self, requested: &[Selection]) -> bool {
        requested.is_empty() && !self.requested.is_empty()
    }
}
