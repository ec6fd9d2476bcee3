//! Requests for the pages of one list. Their number is bounded, whatever a
//! server responds.

use std::collections::BTreeSet;

use super::endpoint::Pagination;
use super::failure;
use super::page::PageInfo;
use crate::error::Result;

/// Maximum number of pages of one list: a hundred million records.
const MAX_PAGES: u64 = 100_000;

/// Requests for the pages of one list.
#[derive(Clone, Debug)]
pub(super) struct Paginator {
    /// Path and query, without the page.
    path: String,
    pagination: Pagination,
    /// Number of the next page.
    number: i64,
    received: u64,
    cursors: BTreeSet<String>,
    /// True if a page without a number was received.
    is_unnumbered: bool,
}

impl Paginator {
    pub(super) fn new(path: String, pagination: Pagination) -> Self {
        Self {
            path,
            pagination,
            number: 1,
            received: 0,
            cursors: BTreeSet::new(),
            is_unnumbered: false,
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
            Pagination::Number { size } => {
                self.path_with(&format!("page={}&page_size={size}", self.number))
            }
        }
    }

    /// Returns the path of the page after the last received one, if any.
    pub(super) fn next(&mut self, info: &PageInfo, records: usize) -> Result<Option<String>> {
        self.received += 1;
        if self.received >= MAX_PAGES {
            return Err(failure::protocol(
                &self.path,
                &format!("the list has more than {MAX_PAGES} pages"),
            ));
        }
        if let Some(cursor) = &info.next {
            if !self.cursors.insert(cursor.clone()) {
                return Err(failure::protocol(
                    &self.path,
                    "the next page is one of the earlier pages",
                ));
            }
            return Ok(Some(
                self.path_with(&format!("cursor={}", percent_encode(cursor))),
            ));
        }
        let Pagination::Number { size } = self.pagination else {
            return Ok(None);
        };
        let (Some(page), Some(total)) = (info.page, info.total_pages) else {
            // Without numbers, a full page may have a successor. A larger one is
            // the whole list.
            return Ok((records == size as usize).then(|| {
                self.is_unnumbered = true;
                self.next_number(size)
            }));
        };
        if page != self.number {
            return Err(failure::protocol(
                &self.path,
                &format!(
                    "the response has page {page}, but page {} was requested",
                    self.number
                ),
            ));
        }
        if page >= total || records == 0 {
            return Ok(None);
        }
        Ok(Some(self.next_number(size)))
    }

    /// Checks that a page without a number has new records: a server that ignores
    /// the requested number would send the first page again and again.
    pub(super) fn check_progress(&self, new_records: usize, records: usize) -> Result<()> {
        if self.is_unnumbered && new_records == 0 && records > 0 {
            return Err(failure::protocol(
                &self.path,
                "the responses have no page numbers, and repeat the same records",
            ));
        }
        Ok(())
    }

    fn next_number(&mut self, size: u32) -> String {
        self.number += 1;
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

    fn page(page: i64, total: i64) -> PageInfo {
        PageInfo {
            page: Some(page),
            total_pages: Some(total),
            next: None,
        }
    }

    #[test]
    fn a_cursor_is_followed_to_the_end_and_never_in_a_circle() {
        let mut paginator = Paginator::new("/x?limit=2".to_owned(), Pagination::None);
        assert_eq!(paginator.first(), "/x?limit=2");
        let next = paginator.next(&cursor("a/b="), 2).unwrap();
        assert_eq!(next.as_deref(), Some("/x?limit=2&cursor=a%2Fb%3D"));
        assert!(paginator.next(&cursor("c"), 2).unwrap().is_some());
        assert_eq!(paginator.clone().next(&PageInfo::default(), 2), Ok(None));
        let error = paginator.next(&cursor("a/b="), 2).unwrap_err();
        assert!(error.message.contains("earlier pages"), "{error}");
    }

    #[test]
    fn page_numbers_are_followed_to_the_last() {
        let mut paginator = Paginator::new("/x".to_owned(), Pagination::Number { size: 100 });
        assert_eq!(paginator.first(), "/x?page=1&page_size=100");
        let next = paginator.next(&page(1, 3), 100).unwrap();
        assert_eq!(next.as_deref(), Some("/x?page=2&page_size=100"));
        assert!(paginator.clone().next(&page(1, 3), 100).is_err());
        assert_eq!(paginator.clone().next(&page(2, 2), 1), Ok(None));
        assert_eq!(paginator.clone().next(&page(2, 9), 0), Ok(None));
    }

    #[test]
    fn a_full_page_without_a_number_has_a_successor() {
        let mut paginator = Paginator::new("/x".to_owned(), Pagination::Number { size: 100 });
        let mut next = |records| paginator.next(&PageInfo::default(), records).unwrap();
        assert_eq!(next(100).as_deref(), Some("/x?page=2&page_size=100"));
        assert_eq!(next(50), None);
        assert_eq!(next(250), None);
        assert!(paginator.check_progress(1, 100).is_ok());
        assert!(paginator.check_progress(0, 0).is_ok());
        let error = paginator.check_progress(0, 100).unwrap_err();
        assert!(error.message.contains("repeat"), "{error}");
    }

    #[test]
    fn the_number_of_pages_is_bounded() {
        let mut paginator = Paginator::new("/x".to_owned(), Pagination::None);
        let ended = (0..=MAX_PAGES).find_map(|n| paginator.next(&cursor(&n.to_string()), 1).err());
        assert!(ended.unwrap().message.contains("more than"));
    }
}
