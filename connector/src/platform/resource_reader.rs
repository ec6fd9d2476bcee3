//! Reader of one resource. Several requests are under way at once, and whichever
//! response arrives first is taken first. A part of the resource that fails
//! leaves no rows, and does not affect the others. The rows of the parts are sent
//! in the order of the parts, so that it does not vary.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::client::Client;
use super::endpoint::{Endpoint, Incremental, Scope};
use super::endpoints;
use super::page::RecordPage;
use super::parent_lists::ParentLists;
use super::part::{Part, PartRecord, PartRequest, PartResponse};
use super::partial_failures::PartialFailures;
use super::partitions::Partition;
use super::plan::{self, ResourcePlan};
use super::positions::Positions;
use super::record::RecordMapper;
use super::targets::targets;
use super::windows::{first_day, windows};
use crate::clock;
use crate::config::Platform;
use crate::error::{Category, Error, Result};
use crate::output::{Output, PageKind, Unread};
use crate::retry;
use crate::rows::batch::BatchBuilder;
use crate::rows::page_limit::PageLimit;
use crate::selection::{Mode, ReadOptions, Selection};

/// Maximum bytes of a page, even if the host permits more.
const PAGE_BYTES: u64 = 8 << 20;
/// Maximum bytes of the records of a part that are kept until it is complete.
const MAX_PART_BYTES: usize = 8 << 20;
/// Maximum bytes of the records of parts that are kept until an earlier part is
/// complete.
const MAX_KEPT_BYTES: usize = 32 << 20;
/// Number of rows from which the days that were read so far are a page, at whose
/// cursor a read can resume.
const CURSOR_ROWS: usize = 1_000;
/// Maximum number of requests for each one that `concurrency` permits, including
/// those that wait.
const MAX_REQUESTS: usize = 4;

/// Reader of one resource.
#[derive(Debug)]
pub(super) struct ResourceReader {
    pub(super) endpoint: &'static Endpoint,
    pub(super) mapper: RecordMapper,
    rows: BatchBuilder,
    /// Partitions that were not requested yet.
    queued: VecDeque<Partition>,
    requests: FuturesUnordered<PartRequest>,
    /// Number of parts that were requested.
    requested: usize,
    /// Parts that ended before an earlier one.
    ended: BTreeMap<usize, Part>,
    /// Number of the part whose rows are sent next.
    next_part: usize,
    /// Parts whose rows were sent before those of an earlier one.
    sent_early: BTreeSet<usize>,
    /// Maximum number of requests under way.
    concurrency: usize,
    page_limit: PageLimit,
    /// Number of rows so far.
    row_count: u64,
    max_rows: u64,
    /// Positions of an incremental read.
    pub(super) positions: Option<Positions>,
    failures: PartialFailures,
    /// The only organization that is read from the list of organizations.
    pub(super) only_organization: Option<String>,
    /// Part that was not read, determined at the end.
    unread: Option<Unread>,
}

impl ResourceReader {
    pub(super) async fn start(
        selection: &Selection,
        settings: &Platform,
        options: &ReadOptions,
        client: &Client,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<Self> {
        let ResourcePlan {
            endpoint,
            mapper,
            columns,
            watermarks,
        } = ResourcePlan::new(selection, options)?;
        let key = if selection.primary_key.is_empty() {
            endpoint.key.iter().map(|name| (*name).to_owned()).collect()
        } else {
            selection.primary_key.clone()
        };
        // A row without a key has no older version that it could replace.
        let mapper = mapper.with_key(&key, selection.idempotent);
        if let Some(stats) = output.stats() {
            stats.primary_key = key;
        }
        let mut failures = PartialFailures::new(endpoint);
        let targets = targets(endpoint, settings, client, lists, &mut failures, output).await?;
        let mut positions = (selection.mode == Mode::Incremental).then(|| {
            let column = plan::cursor_column(endpoint).unwrap_or_default();
            Positions::new(
                column,
                selection.lag.map_or(0.0, |lag| lag.amount),
                watermarks,
            )
        });
        let mut queued = VecDeque::with_capacity(targets.len());
        let today = clock::today();
        for target in targets {
            if endpoint.incremental != Some(Incremental::Days) {
                queued.push_back(Partition::new(endpoint, target));
                continue;
            }
            let last = positions.as_ref().map(Positions::last);
            let windows = windows(selection, settings, last, &target, today)?;
            if let Some(positions) = &mut positions {
                positions.add(&target, first_day(settings, today));
            }
            queued.extend(Partition::with_windows(endpoint, target, windows));
        }
        let lists_organizations = Scope::Organization.parent() == Some(endpoint.name);
        Ok(Self {
            endpoint,
            mapper,
            rows: BatchBuilder::new(&columns),
            queued,
            requests: FuturesUnordered::new(),
            requested: 0,
            ended: BTreeMap::new(),
            next_part: 0,
            sent_early: BTreeSet::new(),
            concurrency: settings.concurrency,
            page_limit: options.page_limit(PAGE_BYTES),
            row_count: 0,
            max_rows: options.row_limit.unwrap_or(u64::MAX),
            positions,
            failures,
            only_organization: settings
                .organization
                .clone()
                .filter(|_| lists_organizations),
            unread: None,
        })
    }

    pub(super) fn resource(&self) -> &'static str {
        self.endpoint.name
    }

    /// Takes one response. Returns false when all were taken.
    pub(super) async fn step(
        &mut self,
        client: &Rc<Client>,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<bool> {
        if self.row_count >= self.max_rows {
            return Ok(false);
        }
        let (mut part, next) = if endpoints::is_parent(self.endpoint) {
            let Some(partition) = self.queued.pop_front() else {
                return self.finish(client, lists, output).await;
            };
            let mut part = self.new_part(partition);
            let received = self.receive_list(&mut part, client, lists, output).await;
            (part, received.map(|()| None))
        } else {
            let Some(mut response) = self.next_response(client).await else {
                return self.finish(client, lists, output).await;
            };
            output.count_requests(response.requests);
            let next = self.receive(&mut response, output);
            (response.part, next)
        };
        match next {
            Ok(Some(path)) => self.request(part, path, client),
            Ok(None) => self.end_list(part, client, output)?,
            // A list of which rows were sent is neither complete nor deleted.
            Err(error) if part.is_sent => return Err(error),
            Err(error) => {
                self.failures.record(&part.partition.context, error)?;
                part.drop_list();
                self.end_part(part, output)?;
            }
        }
        Ok(true)
    }

    /// Ends the resource: sends the last rows, the cursor and the notes.
    pub(super) fn end(&mut self, output: &mut Output) -> Result<()> {
        output.end(&mut self.rows)?;
        let Some(stats) = output.stats() else {
            return Ok(());
        };
        stats.ended = true;
        stats.unread = self.unread.take();
        if let Some(positions) = &self.positions {
            stats.cursor = Some(positions.cursor());
        }
        stats.notes.extend(self.failures.notes());
        stats.notes.extend(self.mapper.notes());
        Ok(())
    }

    /// Determines what was not read. Always returns false.
    async fn finish(
        &mut self,
        client: &Client,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<bool> {
        self.failures
            .check_any_success(client, lists, output)
            .await?;
        self.unread = self.failures.unread(|column| self.mapper.reads(column))?;
        match &self.only_organization {
            Some(slug) if self.row_count == 0 => Err(unknown_organization(slug)),
            _ => Ok(false),
        }
    }

    /// Waits for the next response. `None` after the last one.
    async fn next_response(&mut self, client: &Rc<Client>) -> Option<PartResponse> {
        poll_fn(|context| {
            loop {
                while self.may_request()
                    && let Some(partition) = self.queued.pop_front()
                {
                    let path = partition.paginator.first();
                    let part = self.new_part(partition);
                    self.request(part, path, client);
                }
                let response = self.requests.poll_next_unpin(context);
                // A request that begins to wait makes room for another.
                let has_room = !self.queued.is_empty() && self.may_request();
                if response.is_ready() || !has_room {
                    return response;
                }
            }
        })
        .await
    }

    fn new_part(&mut self, partition: Partition) -> Part {
        self.requested += 1;
        Part::new(self.requested - 1, partition)
    }

    fn may_request(&self) -> bool {
        let requests = self.requests.len();
        requests.saturating_sub(retry::waiting()) < self.concurrency
            && requests < MAX_REQUESTS * self.concurrency
    }

    fn request(&mut self, part: Part, path: String, client: &Rc<Client>) {
        let is_region = self.endpoint.scope == Scope::Region;
        self.requests.push(part.request(client, is_region, path));
    }

    /// Receives the list of a parent, which is requested once for all resources.
    async fn receive_list(
        &mut self,
        part: &mut Part,
        client: &Client,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<()> {
        let path = part.partition.paginator.path().to_owned();
        let bodies = lists.bodies(client, self.endpoint, &path, output).await?;
        for body in bodies.iter() {
            let page = RecordPage::parse(body, self.endpoint.selector, &path)?;
            self.map_records(part, &page);
        }
        Ok(())
    }

    /// Receives a page of a part. Returns the path of its next page.
    fn receive(
        &mut self,
        response: &mut PartResponse,
        output: &mut Output,
    ) -> Result<Option<String>> {
        let PartResponse {
            part, path, body, ..
        } = response;
        let body = body.as_ref().map_err(Error::clone)?;
        let page = RecordPage::parse(body, self.endpoint.selector, path)?;
        let records = page.records.len();
        let (new_records, is_complete) = self.map_records(part, &page);
        let paginator = &mut part.partition.paginator;
        let next = if is_complete {
            None
        } else {
            paginator.next(&page.info, records, new_records)?
        };
        if part.bytes > MAX_PART_BYTES {
            part.is_sent = true;
            self.send_records(part, output)?;
        }
        let has_room = self.row_count + part.rows() < self.max_rows;
        Ok(next.filter(|_| has_room))
    }

    /// Ends the list of a part, and requests its next day.
    fn end_list(&mut self, mut part: Part, client: &Rc<Client>, output: &mut Output) -> Result<()> {
        part.end_list(clock::today());
        if part.partition.next_window(self.endpoint) {
            let path = part.partition.paginator.first();
            self.request(part, path, client);
            return Ok(());
        }
        self.failures.record_success();
        self.end_part(part, output)
    }

    /// Ends a part. Its rows are sent after those of the earlier parts.
    fn end_part(&mut self, part: Part, output: &mut Output) -> Result<()> {
        self.ended.insert(part.number, part);
        let kept: usize = self.ended.values().map(|part| part.bytes).sum();
        loop {
            if self.sent_early.remove(&self.next_part) {
                self.next_part += 1;
            } else if let Some(part) = self.ended.remove(&self.next_part) {
                self.next_part += 1;
                self.send_part(part, output)?;
            } else {
                break;
            }
        }
        if kept > MAX_KEPT_BYTES {
            for (number, part) in std::mem::take(&mut self.ended) {
                self.sent_early.insert(number);
                self.send_part(part, output)?;
            }
        }
        Ok(())
    }

    /// Sends the rows of a part, and raises its position.
    fn send_part(&mut self, mut part: Part, output: &mut Output) -> Result<()> {
        self.send_records(&mut part, output)?;
        let Some(positions) = &mut self.positions else {
            return Ok(());
        };
        let context = &part.partition.context;
        if let Some(filter) = part.filter.take() {
            positions.end_list(&context.organization, filter);
        }
        if let Some(end) = part.read_until {
            positions.end_day(context, end);
        }
        let is_by_days = self.endpoint.incremental == Some(Incremental::Days);
        if is_by_days && self.rows.len() >= CURSOR_ROWS {
            let cursor = positions.cursor();
            output.page_with(PageKind::Rows, &mut self.rows, Some(cursor))?;
        }
        Ok(())
    }

    /// Sends the records of a part.
    fn send_records(&mut self, part: &mut Part, output: &mut Output) -> Result<()> {
        for record in part.take_records() {
            match record {
                PartRecord::Row(_) if self.row_count >= self.max_rows => break,
                PartRecord::Row(row) => {
                    if !self.page_limit.has_room(&self.rows, &row) {
                        output.page(&mut self.rows)?;
                    }
                    self.rows.push_row(&row);
                    self.row_count += 1;
                }
                PartRecord::Rejected(json, reason) => output.reject(&mut self.rows, json, reason),
            }
        }
        Ok(())
    }
}

fn unknown_organization(slug: &str) -> Error {
    Error::new(
        Category::NotFound,
        format!("the token cannot read the organization `{slug}`"),
    )
    .hint("check `organization`; the resource `platform_organizations` lists the readable ones")
}
