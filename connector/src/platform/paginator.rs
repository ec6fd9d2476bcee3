//! Requests for the pages of one list. Their number is bounded, whatever a
//! server responds.

use std::collections::BTreeSet;

use super::endpoint::Pagination;
use super::failure;
use super::page::PageInfo;
use crate::error::{Error, Result};
use crate::noun::counted;

/// Maximum number of pages of one list: a hundred million records.
const MAX_PAGES: i64 = 100_000;

/// Requests for the pages of one list.
#[derive(Clone, Debug)]
pub(super) struct Paginator {
    /// Path and query, without the page.
    path: String,
    pagination: Pagination,
    /// Number of the requested page.
    number: i64,
    /// Number of pages that were received.
    pages: i64,
    /// Number of records that were received, including repeated ones.
    records: u64,
    /// Number of records of the first page, which is full if another follows.
    first_records: usize,
    cursors: BTreeSet<String>,
}

impl Paginator {
    pub(super) fn new(path: String, pagination: Pagination) -> Self {
        Self {
            path,
            pagination,
            number: 1,
            pages: 0,
            records: 0,
            first_records: 0,
            cursors: BTreeSet::new(),
        }
    }

    /// Returns the path and query, without the page.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the path of the first page.
    pub(super) fn first(&self) -> String {
        match self.pagination {
            Pagination::None => self.path.clone(),
            Pagination::Cursor { limit } => self.path_with(&format!("limit={limit}")),
            Pagination::Number { size } => self.path_with_number(size),
        }
    }

    /// Returns the path of the page after the received one, if any. `new_records`
    /// are those that no earlier page has. A list whose end is uncertain is an
    /// error: it must not be taken for a shorter one.
    pub(super) fn next(
        &mut self,
        info: &PageInfo,
        records: usize,
        new_records: usize,
    ) -> Result<Option<String>> {
        self.pages += 1;
        self.records += records as u64;
        if self.pages == 1 {
            self.first_records = records;
        }
        if self.pages >= MAX_PAGES {
            return Err(self.error(&format!("the list has more than {MAX_PAGES} pages")));
        }
        if let Some(cursor) = &info.next {
            if !self.cursors.insert(cursor.clone()) {
                return Err(self.error("the next page is one of the earlier pages"));
            }
            let cursor = percent_encode(cursor);
            return Ok(Some(self.path_with(&match self.pagination {
                Pagination::Cursor { limit } => format!("limit={limit}&cursor={cursor}"),
                Pagination::None | Pagination::Number { .. } => format!("cursor={cursor}"),
            })));
        }
        match self.pagination {
            Pagination::Number { size } if self.cursors.is_empty() => {
                self.next_number(size, info, records, new_records)
            }
            Pagination::Cursor { limit } if !info.is_present && records >= limit as usize => {
                let problem =
                    "the page is full, and the response does not state whether another follows";
                Err(self.error(problem))
            }
            _ => self.end(info),
        }
    }

    /// Returns the path of the page with the next number, if any. Without a number
    /// of pages, the list ends with an empty page.
    fn next_number(
        &mut self,
        size: u32,
        info: &PageInfo,
        records: usize,
        new_records: usize,
    ) -> Result<Option<String>> {
        if let Some(page) = info.page.filter(|page| *page != self.number) {
            let requested = self.number;
            return Err(self.error(&format!(
                "the response has page {page}, but page {requested} was requested"
            )));
        }
        if records == 0 {
            return self.end(info);
        }
        if info.page.is_none() && self.number > 1 && new_records == 0 {
            // The server ignores the number. It sends the whole list, unless it
            // sends as many records as were requested.
            self.records -= records as u64;
            if records == size as usize {
                return Err(self.error("all pages have the same records, and no number"));
            }
            let total_pages = info.total_pages.filter(|pages| *pages != 1);
            return self.end(&PageInfo {
                total_pages,
                ..info.clone()
            });
        }
        // A page after the last one has no records: the number is wrong.
        let states_more = info.total_pages.is_some_and(|pages| pages != self.number)
            || info.total_records.is_some_and(|total| self.records < total)
            || info.has_more == Some(true);
        let is_full = records >= self.first_records.min(size as usize);
        let states_end = info.total_pages.is_some()
            || info.has_more == Some(false)
            || info.total_records.is_some() && !is_full;
        if states_end && !states_more {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(self.path_with_number(size)))
    }

    /// Ends the list, unless the server states that it has more records.
    fn end(&self, info: &PageInfo) -> Result<Option<String>> {
        let problem = match info {
            PageInfo {
                has_more: Some(true),
                ..
            } => "the response states that more records follow, but not how to request them"
                .to_owned(),
            PageInfo {
                total_records: Some(total),
                ..
            } if self.records < *total => format!(
                "the response states {}, but its pages have {}",
                counted(*total, "record"),
                self.records
            ),
            PageInfo {
                total_pages: Some(total),
                total_records: None,
                ..
            } if self.number.max(self.pages) < *total => format!(
                "the response states {}, but the list ends with page {}",
                counted(total.unsigned_abs(), "page"),
                self.number.max(self.pages)
            ),
            _ => return Ok(None),
        };
        Err(self.error(&problem))
    }

    fn error(&self, problem: &str) -> Error {
        failure::protocol(&self.path, problem)
    }

    fn path_with_number(&self, size: u32) -> String {
        self.path_with(&format!("page={}&page_size={size}", self.number))
    }

    fn path_with(&self, query: &str) -> String {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.path)
    }
}

/// Percent-encodes a text as a part of a path or query (RFC 3986, 2.3).
pub(super) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(next: &str) -> PageInfo {
        PageInfo {
            next: Some(next.to_owned()),
            ..PageInfo::default()
        }
    }

    fn page(page: i64, total_pages: i64) -> PageInfo {
        PageInfo {
            page: Some(page),
            total_pages: Some(total_pages),
            ..PageInfo::default()
        }
    }

    fn of(total_records: u64) -> PageInfo {
        PageInfo {
            total_records: Some(total_records),
            ..PageInfo::default()
        }
    }

    /// Reads a list of pages of 100 records. Each page has a number of records, all
    /// of them new, and what it states. Returns the number of pages that were
    /// requested, or the error.
    fn read(pages: &[(usize, PageInfo)]) -> std::result::Result<usize, String> {
        let mut paginator = Paginator::new("/x".to_owned(), Pagination::Number { size: 100 });
        for (number, (records, info)) in pages.iter().enumerate() {
            match paginator.next(info, *records, *records) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(number + 1),
                Err(error) => return Err(error.message),
            }
        }
        Ok(pages.len() + 1)
    }

    #[test]
    fn a_cursor_is_followed_to_the_end_and_never_in_a_circle() {
        let mut paginator = Paginator::new("/x?a=2".to_owned(), Pagination::Cursor { limit: 9 });
        assert_eq!(paginator.first(), "/x?a=2&limit=9");
        let next = paginator.next(&cursor("a/b="), 9, 9).unwrap();
        assert_eq!(next.as_deref(), Some("/x?a=2&limit=9&cursor=a%2Fb%3D"));
        assert!(paginator.next(&cursor("c"), 2, 2).unwrap().is_some());
        let last = paginator.clone().next(&PageInfo::default(), 2, 2);
        assert_eq!(last, Ok(None));
        let error = paginator.next(&cursor("a/b="), 2, 2).unwrap_err();
        assert!(error.message.contains("earlier pages"), "{error}");
    }

    #[test]
    fn a_list_with_cursors_does_not_end_while_the_server_has_more() {
        let more = PageInfo {
            has_more: Some(true),
            ..PageInfo::default()
        };
        let present = PageInfo {
            is_present: true,
            ..PageInfo::default()
        };
        for (info, records, problem) in [
            (PageInfo::default(), 9, "the page is full"),
            (PageInfo::default(), 12, "the page is full"),
            (more, 3, "not how to request them"),
            (of(4), 3, "states 4 records, but its pages have 3"),
            (page(1, 2), 3, "states 2 pages"),
            (present, 9, ""),
            (of(9), 3, "states 9 records"),
            (page(1, 1), 3, ""),
        ] {
            let mut paginator = Paginator::new("/x".to_owned(), Pagination::Cursor { limit: 9 });
            match paginator.next(&info, records, records) {
                Ok(next) => assert_eq!((next, problem), (None, ""), "{info:?}"),
                Err(error) => assert!(
                    !problem.is_empty() && error.message.contains(problem),
                    "{info:?}: {error}"
                ),
            }
        }
    }

    #[test]
    fn page_numbers_are_followed_to_the_last() {
        let mut paginator = Paginator::new("/x".to_owned(), Pagination::Number { size: 100 });
        assert_eq!(paginator.first(), "/x?page=1&page_size=100");
        let next = paginator.next(&page(1, 3), 100, 100).unwrap();
        assert_eq!(next.as_deref(), Some("/x?page=2&page_size=100"));
        assert!(paginator.clone().next(&page(1, 3), 100, 0).is_err());
        assert_eq!(read(&[(100, page(1, 2)), (1, page(2, 2))]), Ok(2));
        // Pages of the size that the server permits.
        assert_eq!(read(&[(40, page(1, 3)), (40, page(2, 3))]), Ok(3));
        // Records were deleted since the page before.
        assert_eq!(read(&[(100, page(1, 2)), (0, page(2, 1))]), Ok(2));
        let error = read(&[(100, page(1, 3)), (0, page(2, 3))]).unwrap_err();
        assert!(error.contains("states 3 pages"), "{error}");
    }

    #[test]
    fn totals_that_contradict_the_records_do_not_end_a_list() {
        let with = |info: PageInfo, total: u64| PageInfo {
            total_records: Some(total),
            ..info
        };
        let none = PageInfo::default;
        // The number of pages is too small, zero or negative.
        assert_eq!(read(&[(100, with(page(1, 1), 250))]), Ok(2));
        assert_eq!(
            read(&[(100, page(1, 0)), (50, page(2, 0)), (0, page(3, 0))]),
            Ok(3)
        );
        assert_eq!(read(&[(30, page(1, -1)), (0, page(2, -1))]), Ok(2));
        // The number of records is that of the page.
        assert_eq!(read(&[(100, of(100)), (100, of(100)), (9, of(9))]), Ok(3));
        assert_eq!(read(&[(100, of(101)), (1, of(101))]), Ok(2));
        assert_eq!(read(&[(40, of(40)), (40, of(40)), (9, of(9))]), Ok(3));
        // The server rounds the number of pages up too far.
        assert_eq!(read(&[(100, page(1, 2)), (0, page(2, 2))]), Ok(2));
        assert_eq!(
            read(&[(100, with(page(1, 9), 100)), (0, with(page(2, 9), 100))]),
            Ok(2)
        );
        // Pages without totals end with an empty page.
        assert_eq!(read(&[(100, none()), (50, none()), (0, none())]), Ok(3));
        assert_eq!(read(&[(250, none()), (0, none())]), Ok(2));
        for pages in [
            [(100, of(250)), (0, of(250))],
            [(100, with(page(1, 2), 250)), (0, with(page(2, 2), 250))],
        ] {
            let error = read(&pages).unwrap_err();
            assert!(
                error.contains("states 250 records, but its pages have 100"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_server_that_ignores_the_page_number_is_not_asked_for_ever() {
        let read = |records: usize, info: PageInfo| {
            let mut paginator = Paginator::new("/x".to_owned(), Pagination::Number { size: 100 });
            assert!(paginator.next(&info, records, records)?.is_some());
            paginator.next(&info, records, 0)
        };
        assert_eq!(read(30, PageInfo::default()), Ok(None));
        assert_eq!(read(250, PageInfo::default()), Ok(None));
        let full = read(100, PageInfo::default()).unwrap_err();
        assert!(full.message.contains("the same records"), "{full}");
        let total = read(30, of(60)).unwrap_err();
        assert!(
            total
                .message
                .contains("states 60 records, but its pages have 30"),
            "{total}"
        );
    }

    #[test]
    fn the_number_of_pages_is_bounded() {
        let mut paginator = Paginator::new("/x".to_owned(), Pagination::None);
        let ended =
            (0..=MAX_PAGES).find_map(|n| paginator.next(&cursor(&n.to_string()), 1, 1).err());
        assert!(ended.unwrap().message.contains("more than"));
    }
}
