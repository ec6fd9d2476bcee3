//! `run`: loads once and reports.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use connector_host::model::LoadStatus;
use connector_host::pipeline::{Change, Report, ResourceReport, RunOptions};

use super::{print, print_json};
use crate::args;
use crate::environment;
use crate::failure::{FAILED, Failure};
use crate::policy::PolicyFile;
use crate::progress::Progress;
use crate::remedy::Hints;
use crate::table::{Table, count, quantity, size};

pub(crate) async fn run(args: args::Run, log_format: args::LogFormat) -> Result<ExitCode, Failure> {
    let pipeline = environment::pipeline(&args.common.config)?;
    let policy = args.record_policy.as_deref().map(PolicyFile::open);
    let policy = policy.transpose()?;
    let options = RunOptions {
        only: args.resource,
        full_refresh: args.full_refresh,
        recorder: policy.as_ref().map(PolicyFile::recorder),
    };
    let progress = Arc::new(Progress::new(log_format));
    let result = pipeline
        .run(&options, Arc::clone(&progress) as _, interrupted())
        .await;
    progress.finish();
    // A failed run needed permissions too.
    let written = policy.map(PolicyFile::write).transpose();
    let report = result?;
    let printed = if args.common.json {
        print_json(&report)
    } else {
        summary(&report)
    };
    // The load is committed, so a failure to print it must not look like one.
    if let Err(error) = printed {
        tracing::warn!(%error, "the report could not be printed");
    }
    written.map_err(Failure::after_report)?;
    Ok(match report.status {
        LoadStatus::Loaded => ExitCode::SUCCESS,
        _ => ExitCode::from(FAILED),
    })
}

/// Returns lines about columns whose values have another type than before, or
/// than the column.
fn type_changes(resource: &ResourceReport) -> String {
    let mut text = String::new();
    for change in &resource.type_changes {
        if let Change::TypeChanged {
            column,
            from,
            to,
            into,
        } = change
            && column == into
        {
            text.push_str(&format!(
                "\n{}: column `{column}` was {from}, and is {to} now",
                resource.resource
            ));
        }
    }
    for values in &resource.siblings {
        // A value of the source may hold characters that control a terminal.
        let example = values.example.as_deref().map_or_else(String::new, |value| {
            format!(", such as \"{}\"", value.escape_debug())
        });
        text.push_str(&format!(
            "\n{}: {} of `{}` did not fit the type of the column, and went to `{}`{example}",
            resource.resource,
            quantity(values.values, "value"),
            values.column,
            values.sibling,
        ));
    }
    text
}

/// Completes on Ctrl-C or on SIGTERM. After that, both have no effect: the load
/// ends within seconds.
async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = ctrl_c => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    ctrl_c.await;
}

fn summary(report: &Report) -> anyhow::Result<()> {
    let header = [
        "resource", "mode", "read", "written", "deleted", "rejected", "bytes", "requests",
        "billed", "time",
    ];
    let mut table = Table::new(header, &[2, 3, 4, 5, 6, 7, 8, 9]);
    for resource in &report.resources {
        table.row([
            resource.resource.clone(),
            resource.mode.as_str().to_owned(),
            count(resource.rows_read),
            count(resource.rows_written),
            count(resource.rows_deleted),
            count(resource.rows_rejected),
            size(resource.bytes),
            count(resource.requests),
            resource.rows_billed.map_or_else(|| "-".to_owned(), count),
            format!("{:.2} s", resource.elapsed.as_secs_f64()),
        ]);
    }
    table.print().context("cannot write to standard output")?;
    let mut text = String::new();
    let mut hints = Hints::default();
    for resource in &report.resources {
        if let Some(error) = &resource.failure {
            text.push_str(&format!(
                "\n{} failed: {}",
                resource.resource, error.message
            ));
            let hint = hints.line(error.remedy.as_ref());
            if !hint.is_empty() {
                text.push_str(&format!("\n{}", hint.trim_end()));
            }
        }
        for note in &resource.notes {
            text.push_str(&format!("\n{}: {note}", resource.resource));
        }
        if let Some(verified) = &resource.verified {
            text.push_str(&format!(
                "\n{}: verified: the source has the same {}{}",
                resource.resource,
                quantity(verified.rows, "row"),
                if verified.checksum {
                    ", with the same values"
                } else {
                    ""
                }
            ));
            if !verified.presence_only.is_empty() {
                text.push_str(&format!(
                    "; of {} only the presence of values was compared",
                    verified.presence_only.join(", ")
                ));
            }
        }
        text.push_str(&type_changes(resource));
        if resource.mismatches > 0 && resource.siblings.is_empty() {
            text.push_str(&format!(
                "\n{}: {} did not fit the declared type of the column, and went to a column named <column>__<type>",
                resource.resource,
                quantity(resource.mismatches, "value")
            ));
        }
    }
    if !report.point_in_time {
        text.push_str("\nnot all rows are from one point in time");
    }
    if report.restarts > 0 {
        text.push_str(&format!(
            "\nthe read was restarted {} (the log has the reasons); all rows are from the last attempt",
            quantity(report.restarts.into(), "time")
        ));
    }
    let rows: u64 = report
        .resources
        .iter()
        .map(|resource| resource.rows_written)
        .sum();
    let resources = report
        .resources
        .iter()
        .filter(|resource| resource.failure.is_none())
        .count();
    text.push_str(&format!(
        "\nload {} {}: {} of {} into {} in {:.2} s ({}, {} received)\n",
        report.load_id,
        report.status.as_str(),
        quantity(rows, "row"),
        quantity(resources as u64, "resource"),
        report.destination,
        report.elapsed.as_secs_f64(),
        quantity(report.requests, "request"),
        size(report.bytes_received),
    ));
    print(&text)
}
