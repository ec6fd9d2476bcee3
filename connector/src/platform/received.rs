//! Records of a response, which belong to a part: which of them are new, and
//! which are rows. Must not send them.

use serde_json::value::RawValue;

use super::endpoint::Incremental;
use super::json::{self, JsonType, Object};
use super::page::RecordPage;
use super::part::{Part, PartRecord};
use super::record::MappedRecord;
use super::resource_reader::ResourceReader;
use super::watermarks::RecordAge;

impl ResourceReader {
    /// Appends the records of a page to its part. Returns the number of records
    /// that no earlier page has, and true if no later page has a new one.
    pub(super) fn map_records(&mut self, part: &mut Part, page: &RecordPage<'_>) -> (usize, bool) {
        // New records move older ones to later pages.
        let is_newest_first =
            matches!(self.endpoint.incremental, Some(Incremental::NewestFirst(_)));
        let mut is_complete = false;
        let mut new_records = 0;
        let mut listed = Vec::new();
        for record in &page.records {
            if !self.is_selected(record) {
                continue;
            }
            let bytes = record.get().len();
            let Some(mapped) = self.mapper.row(record, &part.partition.context) else {
                let found = JsonType::from_value(record).name();
                let reason = format!("the record is {found}, not an object");
                part.push(self.rejected(record, reason), bytes);
                new_records += 1;
                continue;
            };
            let MappedRecord {
                row,
                hash,
                rejection,
            } = mapped;
            if is_newest_first {
                if !part.seen.insert(half(&hash)) {
                    continue;
                }
            } else if let Some(identity) = self.mapper.identity(&row) {
                if part.seen.contains(&half(&identity)) {
                    continue;
                }
                listed.push(half(&identity));
            }
            new_records += 1;
            match self.age(part, record, &hash) {
                RecordAge::New => {}
                RecordAge::Sent => continue,
                RecordAge::Old => {
                    is_complete = is_newest_first;
                    continue;
                }
            }
            part.push(
                match rejection {
                    Some(reason) => self.rejected(record, reason),
                    None => PartRecord::Row(row),
                },
                bytes,
            );
        }
        part.seen.extend(listed);
        (new_records, is_complete)
    }

    fn rejected(&mut self, record: &RawValue, reason: String) -> PartRecord {
        PartRecord::Rejected(self.mapper.write(record), reason)
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

    fn age(&self, part: &mut Part, record: &RawValue, hash: &str) -> RecordAge {
        let (
            Some(positions),
            Some(Incremental::NewestFirst(column) | Incremental::Unordered(column)),
        ) = (&self.positions, self.endpoint.incremental)
        else {
            return RecordAge::New;
        };
        let organization = &part.partition.context.organization;
        let new_filter = || positions.filter(organization);
        let filter = part.filter.get_or_insert_with(new_filter);
        let time = Object::parse(record).and_then(|object| object.get(column).and_then(json::text));
        filter.classify(time.as_deref(), hash)
    }
}

/// Returns half of a hash, which is sufficient to identify a record of a list.
fn half(hash: &str) -> u128 {
    let digits = hash.get(..32).unwrap_or(hash);
    u128::from_str_radix(digits, 16).unwrap_or_default()
}
