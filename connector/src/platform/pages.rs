//! The pages of one list: which comes next, and when there are none left.
//! Ends, whatever a server says.

use std::collections::BTreeSet;

use super::answer::Pagination;
use super::endpoint::Paging;
use super::failure;
use crate::error::Result;

/// The most pages of one list: a hundred million records.
const MOST: u64 = 100_000;

/// Where one list is.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// The path, with what is asked for beside the page.
    path: String,
    paging: Paging,
    /// The number of the next page.
    number: i64,
    asked: u64,
    seen: BTreeSet<String>,
}

impl Pages {
    /// Before the first page.
    pub(super) fn new(path: String, paging: Paging) -> Self {
        Self {
            path,
            paging,
            number: 1,
            asked: 0,
            seen: BTreeSet::new(),
        }
    }

    /// The path, without the page.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whether a page has come.
    pub(super) fn has_begun(&self) -> bool {
        self.asked > 0
    }

    /// What asks for the first page.
    pub(super) fn first(&self) -> String {
        match self.paging {
            Paging::None => self.path.clone(),
            Paging::Number { size } => self.with(&format!("page={}&page_size={size}", self.number)),
        }
    }

    /// What asks for the page after the one that says this of it; none after
    /// the last.
    pub(super) fn next(
        &mut self,
        pagination: &Pagination,
        records: usize,
    ) -> Result<Option<String>> {
        self.asked += 1;
        if self.asked >= MOST {
            return Err(failure::protocol(
                &self.path,
                &format!("the list has more than {MOST} pages"),
            ));
        }
        if let Some(cursor) = &pagination.next {
            if !self.seen.insert(cursor.clone()) {
                return Err(failure::protocol(
                    &self.path,
                    "the next page is one that came before",
                ));
            }
            return Ok(Some(self.with(&format!("cursor={}", encoded(cursor)))));
        }
        let Paging::Number { size } = self.paging else {
            return Ok(None);
        };
        let (Some(page), Some(total)) = (pagination.page, pagination.total_pages) else {
            // All of it, if nothing is said of pages.
            return Ok(None);
        };
        if page != self.number {
            return Err(failure::protocol(
                &self.path,
                &format!("page {page} came in place of page {}", self.number),
            ));
        }
        if page >= total || records == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(
            self.with(&format!("page={}&page_size={size}", self.number)),
        ))
    }

    fn with(&self, query: &str) -> String {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{separator}{query}", self.path)
    }
}

/// A text as a part of a path or a query (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
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

    fn cursor(next: &str) -> Pagination {
        Pagination {
            next: Some(next.to_owned()),
            ..Pagination::default()
        }
    }

    fn page(page: i64, total: i64) -> Pagination {
        Pagination {
            page: Some(page),
            total_pages: Some(total),
            next: None,
        }
    }

    #[test]
    fn a_cursor_is_followed_until_there_is_none_and_never_in_a_circle() {
        let mut pages = Pages::new("/x?limit=2".to_owned(), Paging::None);
        assert_eq!(pages.first(), "/x?limit=2");
        let next = pages.next(&cursor("a/b="), 2).unwrap();
        assert_eq!(next.as_deref(), Some("/x?limit=2&cursor=a%2Fb%3D"));
        assert!(pages.next(&cursor("c"), 2).unwrap().is_some());
        assert_eq!(pages.clone().next(&Pagination::default(), 2), Ok(None));
        let error = pages.next(&cursor("a/b="), 2).unwrap_err();
        assert!(error.message.contains("came before"), "{error}");
    }

    #[test]
    fn numbers_are_counted_up_to_the_last() {
        let mut pages = Pages::new("/x".to_owned(), Paging::Number { size: 100 });
        assert_eq!(pages.first(), "/x?page=1&page_size=100");
        let next = pages.next(&page(1, 3), 100).unwrap();
        assert_eq!(next.as_deref(), Some("/x?page=2&page_size=100"));
        assert!(pages.clone().next(&page(1, 3), 100).is_err());
        assert_eq!(pages.clone().next(&page(2, 2), 1), Ok(None));
        assert_eq!(pages.clone().next(&page(2, 9), 0), Ok(None));
        assert_eq!(pages.next(&Pagination::default(), 100), Ok(None));
    }

    #[test]
    fn pages_end_somewhere() {
        let mut pages = Pages::new("/x".to_owned(), Paging::None);
        let ended = (0..=MOST).find_map(|n| pages.next(&cursor(&n.to_string()), 1).err());
        assert!(ended.unwrap().message.contains("more than"));
    }
}
