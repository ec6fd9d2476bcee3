//! The API's ways to give a long list in parts. What is in the lists is not
//! known here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::answer::{Ask, Refusal};

/// The longest page of the newer lists.
const LONGEST: usize = 1000;
/// How long pages are when nothing is asked for.
const USUAL: usize = 100;
/// What cursors begin with before they are encoded. It brings `/` and `+` into
/// them, which mean something else in a query unless they are escaped.
const MARK: &str = "~~?>~~";

/// A list of v1, which is whole unless a limit is asked for or set.
pub(super) fn unless_asked(ask: &Ask<'_>, records: Vec<(String, Json)>) -> Cut {
    let limit = ask.number("limit")?.unwrap_or(usize::MAX);
    cut(ask, records, limit)
}

/// A list of v3.
pub(super) fn always(ask: &Ask<'_>, records: Vec<(String, Json)>) -> Cut {
    let limit = ask.number("limit")?.unwrap_or(USUAL);
    if limit > LONGEST {
        return Err(Refusal::new(
            400,
            format!("limit must be at most {LONGEST}"),
        ));
    }
    cut(ask, records, limit)
}

/// A page by its number, and the description of it.
pub(super) fn numbered(ask: &Ask<'_>, records: Vec<Json>) -> Result<(Vec<Json>, Json), Refusal> {
    let rows = ask.number("page_size")?.unwrap_or(USUAL);
    let rows = rows.min(ask.world.page_rows.unwrap_or(usize::MAX));
    let page = ask.number("page")?.unwrap_or(1);
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

/// The records of a page, and the cursor of the next one.
pub(super) type Cut = Result<(Vec<Json>, Option<String>), Refusal>;

/// The page after the key that the cursor holds, so that records that come or
/// go in between move no others.
fn cut(ask: &Ask<'_>, mut records: Vec<(String, Json)>, limit: usize) -> Cut {
    let rows = limit.min(ask.world.page_rows.unwrap_or(usize::MAX));
    records.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(cursor) = ask.query("cursor") {
        let after = opened(cursor).ok_or_else(|| Refusal::new(400, "invalid cursor"))?;
        records.retain(|(key, _)| *key > after);
    }
    let more = records.len() > rows;
    records.truncate(rows);
    let next = records
        .last()
        .filter(|_| more)
        .map(|(key, _)| STANDARD.encode(format!("{MARK}{key}")));
    Ok((
        records.into_iter().map(|(_, record)| record).collect(),
        next,
    ))
}

fn opened(cursor: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.strip_prefix(MARK).map(str::to_owned)
}
