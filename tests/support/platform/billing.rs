//! Plans, subscriptions and invoices.

use serde_json::{Value as Json, json};

use super::clock;
use super::organizations::overages;
use super::response::{ApiRequest, EndpointResult, Refusal};
use super::secrets;
use super::world::PricingPlan;

/// Due date of the first invoice: 2026-01-05, 5:00.
const FIRST_INVOICE: i64 = 1_767_589_200;
/// Seconds between invoices: 30 days.
const MONTH: i64 = 30 * 86_400;

pub(super) fn plans(_: &ApiRequest<'_>) -> Json {
    json!({"plans": PricingPlan::ALL.map(plan)})
}

pub(super) fn subscription(request: &ApiRequest<'_>) -> EndpointResult {
    let organization = request.organization()?;
    Ok(json!({"subscription": {
        "name": organization.plan.name(),
        "overages": overages(organization),
        "plan": organization.plan.name(),
        "timeline": "monthly",
    }}))
}

pub(super) fn invoices(request: &ApiRequest<'_>) -> EndpointResult {
    let count = request.organization()?.invoices;
    let upcoming = match request.query("type") {
        None | Some("all") => None,
        Some("upcoming") => Some(true),
        Some("issued") => Some(false),
        Some(other) => {
            return Err(Refusal::new(
                400,
                format!("invalid type parameter: {other}"),
            ));
        }
    };
    let numbers = (1..=count).rev();
    let selected =
        numbers.filter(|number| upcoming.is_none_or(|upcoming| upcoming == (*number == count)));
    let records: Vec<Json> = selected.map(|number| invoice(number, count)).collect();
    Ok(json!({"invoices": records}))
}

/// Returns billing details. A connector must never request them.
pub(super) fn customer(request: &ApiRequest<'_>) -> EndpointResult {
    Ok(json!({
        "name": request.organization()?.slug,
        "email": "billing@example.com",
        "tax_id": secrets::private("tax_id"),
        "billing_address": {"line1": secrets::private("billing_address")},
    }))
}

/// Returns an invoice. The newest is not issued yet and has no number and no
/// links. The first payment of every third failed.
fn invoice(number: usize, count: usize) -> Json {
    let due = FIRST_INVOICE + i64::try_from(number).unwrap_or_default() * MONTH;
    let mut invoice = json!({
        "amount_due": format!("{}.{:02}", number * 7 % 90, number * 37 % 100),
        "due_date": moment(due),
        "status": if number == count { "upcoming" } else { "paid" },
    });
    if number < count {
        invoice["invoice_number"] = json!(format!("LFONTK-{number:05}"));
        invoice["paid_at"] = json!(moment(due + 3600));
        for link in ["invoice_pdf", "hosted_invoice_url"] {
            let canary = secrets::private(link);
            invoice[link] = json!(format!("https://invoices.example.com/{canary}/{number}"));
        }
        if number.is_multiple_of(3) {
            invoice["payment_failed_at"] = json!(moment(due + 60));
        }
    }
    invoice
}

/// Formats a time with the time zone of invoices.
fn moment(seconds: i64) -> String {
    clock::moment(seconds).replace('Z', "+00:00")
}

/// Returns a plan. Only the largest has no limit of databases.
fn plan(plan: PricingPlan) -> Json {
    let (price, step) = match plan {
        PricingPlan::Starter => ("0", 1),
        PricingPlan::Developer => ("5.99", 10),
        PricingPlan::Scaler => ("29", 100),
        PricingPlan::Pro => ("499", 1000),
    };
    json!({
        "name": plan.name(),
        "price": price,
        "prices": [
            {"value": price, "timeline": "monthly"},
            {"value": price, "timeline": "yearly"},
        ],
        "quotas": {
            "rowsRead": 1_000_000_000_u64 * step,
            "rowsWritten": 25_000_000 * step,
            "databases": (plan < PricingPlan::Pro).then_some(100 * step),
            "locations": 3,
            "storage": 5_000_000_000_u64 * step,
            "groups": step,
            "bytesSynced": 3_000_000_000_u64 * step,
        },
    })
}
