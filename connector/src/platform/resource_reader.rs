//! Reader of one resource. Several requests are under way at once. Responses
//! are received in the order of their requests, so that the order of rows does
//! not vary.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::value::RawValue;

use super::client::{Client, Fetch};
use super::endpoint::{Endpoint, Incremental, Scope};
use super::endpoints;
use super::json::{self, JsonType, Object};
use super::page::RecordPage;
use super::parent_lists::ParentLists;
use super::partial_failures::PartialFailures;
use super::partitions::{Partition, Partitions};
use super::plan::{self, ResourcePlan};
use super::record::{MappedRecord, RecordMapper};
use super::targets::targets;
use super::watermarks::{RecordAge, WatermarkFilter};
use super::windows::windows;
use crate::clock;
use crate::config::Platform;
use crate::cursor::{Cursor, Watermark, Watermarks};
use crate::error::{Category, Error, Result};
use crate::moment;
use crate::output::{Output, PageKind, Unread};
use crate::rows::batch::BatchBuilder;
use crate::rows::page_limit::PageLimit;
use crate::selection::{Mode, ReadOptions, Selection};

/// Maximum bytes of a page, even if the host permits more.
const PAGE_BYTES: u64 = 8 << 20;

/// Reader of one resource.
#[derive(Debug)]
pub(super) struct ResourceReader {
    endpoint: &'static Endpoint,
    mapper: RecordMapper,
    rows: BatchBuilder,
    partitions: Partitions,
    /// Requested partitions. A list of parents has no request of its own.
    in_flight: VecDeque<(Partition, Option<Fetch>)>,
    /// Maximum number of requests under way.
    concurrency: usize,
    page_limit: PageLimit,
    /// Number of rows so far.
    row_count: u64,
    max_rows: u64,
    progress: Option<Progress>,
    /// Hashes of the records of the current list, if records may move between
    /// its pages.
    hashes: BTreeSet<u128>,
    failures: PartialFailures,
    /// The only organization that is read from the list of organizations.
    only_organization: Option<String>,
    /// Part that was not read, determined at the end.
    unread: Option<Unread>,
}

/// Progress of an incremental read.
#[derive(Debug)]
struct Progress {
    cursor_column: &'static str,
    lag: f64,
    last: Watermarks,
    watermarks: Watermarks,
    /// Filter of the current organization.
    filter: Option<WatermarkFilter>,
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
        let mapper = if selection.idempotent {
            mapper.with_required_key(&key)
        } else {
            mapper
        };
        if let Some(stats) = output.stats() {
            stats.primary_key = key;
        }
        let mut failures = PartialFailures::new(endpoint);
        let targets = targets(endpoint, settings, client, lists, &mut failures, output).await?;
        let mut partitions = Partitions::new(targets);
        let mut progress = (selection.mode == Mode::Incremental).then(|| Progress {
            cursor_column: plan::cursor_column(endpoint).unwrap_or_default(),
            lag: selection.lag.map_or(0.0, |lag| lag.amount),
            watermarks: watermarks.clone(),
            last: watermarks,
            filter: None,
        });
        if endpoint.incremental == Some(Incremental::Days) {
            let last = progress.as_ref().map(|progress| &progress.last);
            let today = clock::today();
            let (windows, first_days) = windows(selection, settings, last, &partitions, today)?;
            if let Some(progress) = &mut progress {
                progress.start_days(&first_days);
            }
            partitions = partitions.with_windows(windows, first_days);
        }
        let lists_organizations = Scope::Organization.parent() == Some(endpoint.name);
        Ok(Self {
            endpoint,
            mapper,
            rows: BatchBuilder::new(&columns),
            partitions,
            in_flight: VecDeque::new(),
            concurrency: settings.concurrency,
            page_limit: options.page_limit(PAGE_BYTES),
            row_count: 0,
            max_rows: options.row_limit.unwrap_or(u64::MAX),
            progress,
            hashes: BTreeSet::new(),
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

    /// Receives one response. Returns false when all were received.
    pub(super) async fn step(
        &mut self,
        client: &Client,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<bool> {
        if self.row_count >= self.max_rows {
            return Ok(false);
        }
        self.fill_in_flight(client, output).await;
        let Some((mut partition, fetch)) = self.in_flight.pop_front() else {
            self.failures
                .check_any_success(client, lists, output)
                .await?;
            self.unread = self.failures.unread(|column| self.mapper.reads(column))?;
            return match &self.only_organization {
                Some(slug) if self.row_count == 0 => Err(unknown_organization(slug)),
                _ => Ok(false),
            };
        };
        let received = self.receive(&mut partition, fetch, client, lists, output);
        match received.await {
            Ok(Some(next)) => {
                let fetch = self.send(next, client, output).await;
                self.in_flight.push_front((partition, Some(fetch)));
                return Ok(true);
            }
            Ok(None) => self.failures.record_success(),
            // A partly read partition is neither complete nor deleted.
            Err(error) if partition.paginator.has_started() => return Err(error),
            Err(error) => self.failures.record(&partition.context, error)?,
        }
        self.end_partition(&partition, output)?;
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
        if let Some(progress) = &self.progress {
            stats.cursor = Some(progress.cursor());
        }
        stats.notes.extend(self.failures.notes());
        stats.notes.extend(self.mapper.notes());
        Ok(())
    }

    async fn fill_in_flight(&mut self, client: &Client, output: &mut Output) {
        while self.in_flight.len() < self.concurrency {
            let Some(partition) = self.partitions.next(self.endpoint) else {
                break;
            };
            // The list of a parent is requested once for all resources.
            let fetch = if endpoints::is_parent(self.endpoint) {
                None
            } else {
                let path = partition.paginator.first();
                Some(self.send(path, client, output).await)
            };
            self.in_flight.push_back((partition, fetch));
        }
    }

    async fn send(&self, path: String, client: &Client, output: &mut Output) -> Fetch {
        let is_region = self.endpoint.scope == Scope::Region;
        client.send(is_region, path, output).await
    }

    /// Receives a page of a partition. Returns the path of the next page.
    async fn receive(
        &mut self,
        partition: &mut Partition,
        fetch: Option<Fetch>,
        client: &Client,
        lists: &mut ParentLists,
        output: &mut Output,
    ) -> Result<Option<String>> {
        let selector = self.endpoint.selector;
        let Some(fetch) = fetch else {
            let path = partition.paginator.path();
            let bodies = lists.bodies(client, self.endpoint, path, output).await?;
            for body in bodies.iter() {
                let page = RecordPage::parse(body, selector, path)?;
                self.push_records(partition, &page, output)?;
            }
            return Ok(None);
        };
        let path = fetch.path.clone();
        let body = client.receive(fetch, output).await?;
        let page = RecordPage::parse(&body, selector, &path)?;
        let next = partition.paginator.next(&page.info, page.records.len())?;
        let is_complete = self.push_records(partition, &page, output)?;
        Ok(next.filter(|_| !is_complete && self.row_count < self.max_rows))
    }

    /// Appends records. Those that cannot be rows are sent as rejected. Returns
    /// true if all new records of the partition were received.
    fn push_records(
        &mut self,
        partition: &Partition,
        page: &RecordPage<'_>,
        output: &mut Output,
    ) -> Result<bool> {
        // New records move older ones to later pages.
        let is_newest_first =
            matches!(self.endpoint.incremental, Some(Incremental::NewestFirst(_)));
        let mut is_complete = false;
        for record in &page.records {
            if self.row_count >= self.max_rows || !self.is_selected(record) {
                continue;
            }
            let Some(mapped) = self.mapper.row(record, &partition.context) else {
                let found = JsonType::from_value(record).name();
                let reason = format!("the record is {found}, not an object");
                self.reject(record, reason, output);
                continue;
            };
            let MappedRecord {
                row,
                hash,
                rejection,
            } = mapped;
            if is_newest_first && !self.hashes.insert(half(&hash)) {
                continue;
            }
            match self.age(partition, record, &hash) {
                RecordAge::New => {}
                RecordAge::Sent => continue,
                RecordAge::Old => {
                    is_complete = is_newest_first;
                    continue;
                }
            }
            if let Some(reason) = rejection {
                self.reject(record, reason, output);
                continue;
            }
            // The last row of a day is in the page with the cursor of the day.
            if !self.page_limit.has_room(&self.rows, &row) {
                output.page(&mut self.rows)?;
            }
            self.rows.push_row(&row);
            self.row_count += 1;
        }
        Ok(is_complete)
    }

    fn reject(&mut self, record: &RawValue, reason: String, output: &mut Output) {
        let json = self.mapper.write(record);
        output.reject(&mut self.rows, json, reason);
    }

    /// Returns true for all records but those of other organizations than the
    /// configured one.
    fn is_selected(&self, record: &RawValue) -> bool {
        let Some(organization) = &self.only_organization else {
            return true;
        };
        let object = Object::parse(record);
        let slug = object.and_then(|object| object.get("slug").and_then(json::text));
        slug.as_ref() == Some(organization)
    }

    fn age(&mut self, partition: &Partition, record: &RawValue, hash: &str) -> RecordAge {
        let (
            Some(progress),
            Some(Incremental::NewestFirst(column) | Incremental::Unordered(column)),
        ) = (&mut self.progress, self.endpoint.incremental)
        else {
            return RecordAge::New;
        };
        let last = progress.last.get(&partition.context.organization);
        let filter = progress
            .filter
            .get_or_insert_with(|| WatermarkFilter::new(last, progress.lag));
        let time = Object::parse(record).and_then(|object| object.get(column).and_then(json::text));
        filter.classify(time.as_deref(), hash)
    }

    fn end_partition(&mut self, partition: &Partition, output: &mut Output) -> Result<()> {
        self.hashes.clear();
        let Some(progress) = &mut self.progress else {
            return Ok(());
        };
        if let Some(watermark) = progress.filter.take().and_then(WatermarkFilter::watermark) {
            let organization = partition.context.organization.clone();
            progress.watermarks.insert(organization, watermark);
        }
        if self.endpoint.incremental == Some(Incremental::Days)
            && let Some(end) = partition.window_end
        {
            progress.end_day(end, &self.partitions);
            if !self.rows.is_empty() {
                let cursor = progress.cursor();
                output.page_with(PageKind::Rows, &mut self.rows, Some(cursor))?;
            }
        }
        Ok(())
    }
}

impl Progress {
    /// Sets the watermarks of organizations that were never read, so that the
    /// next read starts at the same day even if no day has ended by then.
    fn start_days(&mut self, first_days: &BTreeMap<String, i64>) {
        for (organization, day) in first_days {
            let watermark = self.watermarks.entry(organization.clone());
            watermark.or_insert_with(|| day_watermark(*day));
        }
    }

    /// Raises the watermarks to a day before which all days were read, unless
    /// they have not ended.
    fn end_day(&mut self, end: i64, partitions: &Partitions) {
        if end > clock::today() {
            return;
        }
        for target in partitions.targets() {
            let watermark = self.watermarks.entry(target.organization.clone());
            let watermark = watermark.or_default();
            if watermark.moment().is_none_or(|until| until.day() < end) {
                *watermark = day_watermark(end);
            }
        }
    }

    fn cursor(&self) -> Vec<u8> {
        Cursor::for_platform(self.cursor_column, self.watermarks.clone()).encode()
    }
}

fn day_watermark(day: i64) -> Watermark {
    Watermark {
        until: moment::start_of_day(day),
        seen: Vec::new(),
    }
}

/// Returns half of a hash, which is sufficient to identify a record of a list.
fn half(hash: &str) -> u128 {
    let digits = hash.get(..32).unwrap_or(hash);
    u128::from_str_radix(digits, 16).unwrap_or_default()
}

fn unknown_organization(slug: &str) -> Error {
    Error::new(
        Category::NotFound,
        format!("the token cannot read the organization `{slug}`"),
    )
    .hint("check `organization`; the resource `platform_organizations` lists the readable ones")
}
