//! Pagination schemes of the API. It does not know what the lists contain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::response::{ApiRequest, Refusal};
use super::traps::Trap;

/// Largest page of the newer lists.
const MAX_PAGE_ROWS: usize = 1000;
/// Page size without a request for another.
const DEFAULT_PAGE_ROWS: usize = 100;
/// Prefix of cursors before encoding. It produces `/` and `+`, which clients
/// must escape in a query.
const CURSOR_PREFIX: &str = "~~?>~~";

/// Returns a list of v1, which is complete unless a limit is requested or set.
pub(super) fn optional(request: &ApiRequest<'_>, records: Vec<(String, Json)>) -> PageResult {
    let limit = request.number("limit")?.unwrap_or(usize::MAX);
    page(request, records, limit)
}

/// Returns a page of a list of v3.
pub(super) fn always(request: &ApiRequest<'_>, records: Vec<(String, Json)>) -> PageResult {
    let limit = request.number("limit")?.unwrap_or(DEFAULT_PAGE_ROWS);
    if limit > MAX_PAGE_ROWS {
        return Err(Refusal::new(
            400,
            format!("limit must be at most {MAX_PAGE_ROWS}"),
        ));
    }
    page(request, records, limit)
}

/// Returns a page by its number, with its description.
pub(super) fn numbered(
    request: &ApiRequest<'_>,
    records: Vec<Json>,
) -> Result<(Vec<Json>, Json), Refusal> {
    let rows = request.number("page_size")?.unwrap_or(DEFAULT_PAGE_ROWS);
    let rows = rows.min(request.world.page_rows.unwrap_or(usize::MAX));
    let page = request.number("page")?.unwrap_or(1);
    let described = json!({
        "page": page,
        "page_size": rows,
        "total_pages": records.len().div_ceil(rows),
        "total_rows": records.len(),
        "sort": "desc",
    });
    let before = rows.saturating_mul(page - 1);
    let page = records.into_iter().skip(before).take(rows).collect();
    Ok((page, described))
}

/// Records of a page, and the cursor of the next page.
pub(super) type PageResult = Result<(Vec<Json>, Option<String>), Refusal>;

/// Returns the page after the key in the cursor. Records that are added or
/// deleted between requests do not shift others.
fn page(request: &ApiRequest<'_>, mut records: Vec<(String, Json)>, limit: usize) -> PageResult {
    let rows = limit.min(request.world.page_rows.unwrap_or(usize::MAX));
    records.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(cursor) = request.query("cursor") {
        let after = decoded(cursor).ok_or_else(|| Refusal::new(400, "invalid cursor"))?;
        let overlaps = request.world.has(Trap::PagesOverlap);
        records.retain(|(key, _)| *key > after || overlaps && *key == after);
    }
    let more = records.len() > rows;
    records.truncate(rows);
    let next = records
        .last()
        .filter(|_| more)
        .map(|(key, _)| STANDARD.encode(format!("{CURSOR_PREFIX}{key}")));
    Ok((
        records.into_iter().map(|(_, record)| record).collect(),
        next,
    ))
}

fn decoded(cursor: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix(CURSOR_PREFIX).map(str::to_owned)
}
