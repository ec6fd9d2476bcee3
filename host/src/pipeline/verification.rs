//! Verification of rows: the settings that permit it, and the comparison of the
//! received rows with figures that the source has computed. Must not know how
//! rows are stored; the destination has its own count.

pub(super) mod checksum;
mod value_hash;

use serde::Serialize;

use super::error::PipelineError;
use crate::model::noun::counted;
use crate::model::{
    Consistency, ErrorCategory, Figures, Finding, PipelineSpec, Resource, ResourceSpec, Severity,
    SourceError, Verification,
};

/// Subject of findings about verification.
pub(super) const SUBJECT: &str = "verify";

/// Figures of the source that agree with the rows of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// Number of rows, including those that were rejected.
    pub rows: u64,
    /// True if a checksum of the values agrees too.
    pub checksum: bool,
    /// Columns of which the checksum covers only the presence of values.
    pub presence_only: Vec<String>,
}

/// The received rows of a resource.
#[derive(Debug)]
pub(super) struct ReceivedRows {
    /// Number of rows, including those that were rejected.
    pub(super) rows: u64,
    /// Checksum of the rows, if one is to be compared.
    pub(super) checksum: Option<u64>,
    /// Columns of which the checksum covers only the presence of values.
    pub(super) presence_only: Vec<String>,
}

/// The result of a comparison that found no difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// The source has sent all figures that are needed.
    Complete(Verified),
    /// The source has not sent a checksum.
    RowsOnly(Verified),
    /// The source has sent no figures.
    Nothing,
}

impl ReceivedRows {
    /// Compares the rows with the figures of the source. If `is_required` is true,
    /// missing figures are a failure too.
    pub(super) fn compare(
        self,
        resource: &str,
        figures: Option<Figures>,
        is_required: bool,
    ) -> Result<Comparison, SourceError> {
        let Some(figures) = figures else {
            return if is_required {
                Err(missing(resource, "no figures", "off"))
            } else {
                Ok(Comparison::Nothing)
            };
        };
        if figures.rows != self.rows {
            return Err(differs(format!(
                "the source counts {} of `{resource}`, and {} arrived; none of them was stored",
                counted(figures.rows, "row"),
                self.rows
            )));
        }
        let verified = |checksum, presence_only| Verified {
            rows: self.rows,
            checksum,
            presence_only,
        };
        match (self.checksum, figures.checksum) {
            (None, _) => Ok(Comparison::Complete(verified(false, Vec::new()))),
            (Some(own), Some(expected)) if own == expected => {
                Ok(Comparison::Complete(verified(true, self.presence_only)))
            }
            (Some(_), Some(_)) => Err(differs(format!(
                "the values of the {} of `{resource}` differ from those of the source, by its checksum; \
                 none of them was stored",
                counted(self.rows, "row")
            ))),
            (Some(_), None) if is_required => Err(missing(resource, "no checksum", "count")),
            (Some(_), None) => Ok(Comparison::RowsOnly(verified(false, Vec::new()))),
        }
    }
}

/// Returns the error of figures that are missing. `level` does not need them.
fn missing(resource: &str, figures: &str, level: &str) -> SourceError {
    SourceError {
        category: ErrorCategory::Config,
        message: format!(
            "the rows of `{resource}` cannot be verified, because the connector sent {figures} of the \
             source; none of them was stored"
        ),
        remedy: Some(format!("set `verify` of this resource to `{level}`").into()),
        retryable: false,
        retry_after: None,
    }
}

fn differs(message: String) -> SourceError {
    SourceError {
        category: ErrorCategory::Data,
        message,
        remedy: Some(
            "run again; if it differs again, either it is a query or a view with a different result \
             each time, or the server, the network or the connector loses or changes rows: report that"
                .into(),
        ),
        retryable: true,
        retry_after: None,
    }
}

/// True if rows of any resource are to be verified.
pub(super) fn is_requested(spec: &PipelineSpec) -> bool {
    let mut resources = spec.resources.iter();
    let is_any = resources.any(|resource| is_verified(spec, resource));
    is_any || spec.resources.is_empty() && spec.verify != Verification::Off
}

fn is_verified(spec: &PipelineSpec, resource: &ResourceSpec) -> bool {
    resource.verify.unwrap_or(spec.verify) != Verification::Off
}

/// Returns true if the connector cannot send figures, according to its findings.
/// If a resource requires figures, these findings become errors.
pub(super) fn classify(spec: &PipelineSpec, findings: &mut [Finding]) -> bool {
    let mut own = spec.resources.iter().map(|resource| resource.verify);
    let is_required = own.any(|own| own.is_some_and(|own| own != Verification::Off));
    let mut found = false;
    for finding in findings {
        if finding.subject == SUBJECT && finding.severity != Severity::Info {
            found = true;
            if is_required {
                finding.severity = Severity::Error;
            }
        }
    }
    found
}

/// Returns a finding about the cost of the verification, from the source's
/// estimates of its resources.
pub(super) fn cost(spec: &PipelineSpec, resources: &[Resource]) -> Finding {
    let is_verified = |resource: &&Resource| {
        let mut specs = spec.resources.iter();
        if let Some(own) = specs.find(|spec| spec.name == resource.name) {
            return is_verified(spec, own);
        }
        let is_read = spec.resources.is_empty() && resource.by_default;
        is_read && spec.verify != Verification::Off
    };
    let verified: Vec<_> = resources.iter().filter(is_verified).collect();
    let known = verified
        .iter()
        .filter_map(|resource| resource.estimated_rows);
    let unknown = verified.len() - known.clone().count();
    let rows: u64 = known.fold(0, u64::saturating_add);
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!(
            ", and those of {} whose size is not known",
            counted(unknown as u64, "resource")
        ),
    };
    Finding {
        subject: SUBJECT.to_owned(),
        severity: Severity::Info,
        message: format!(
            "a full read of the verified resources bills their rows twice: about {} more{unknown}",
            counted(rows, "row")
        ),
        remedy: None,
    }
}

/// Refuses the verification of rows from several points in time.
pub(super) fn validate(spec: &PipelineSpec) -> Result<(), PipelineError> {
    let mut resources = spec.resources.iter();
    let resource = resources.find(|resource| is_verified(spec, resource));
    let is_any_verified = spec.verify != Verification::Off || resource.is_some();
    if spec.consistency == Consistency::Snapshot || !is_any_verified {
        return Ok(());
    }
    let subject = resource.map_or_else(
        || "the pipeline".to_owned(),
        |resource| format!("the resource `{}`", resource.name),
    );
    Err(PipelineError::settings(
        format!(
            "{subject}: `verify` compares rows with figures from one point in time, and `consistency` is \
             `resumable`"
        ),
        "remove `verify`, or set `consistency` to `snapshot`",
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Compares three rows with figures.
    fn compare(
        checksum: Option<u64>,
        figures: Option<(u64, Option<u64>)>,
        is_required: bool,
    ) -> Result<Comparison, String> {
        let figures = figures.map(|(rows, checksum)| Figures { rows, checksum });
        let received = ReceivedRows {
            rows: 3,
            checksum,
            presence_only: vec!["d".into()],
        };
        let compared = received.compare("t", figures, is_required);
        compared.map_err(|error| error.message)
    }

    #[test]
    fn rows_are_verified_only_if_all_figures_agree() {
        let complete = |checksum| {
            let columns = if checksum { &["d".to_owned()][..] } else { &[] };
            Ok(Comparison::Complete(Verified {
                rows: 3,
                checksum,
                presence_only: columns.to_vec(),
            }))
        };
        assert_eq!(compare(None, Some((3, None)), true), complete(false));
        assert_eq!(compare(None, Some((3, Some(7))), true), complete(false));
        assert_eq!(compare(Some(7), Some((3, Some(7))), true), complete(true));
        for rows in [2, 4, 0] {
            let message = compare(Some(7), Some((rows, Some(7))), false).unwrap_err();
            assert!(
                message.contains(&format!("counts {rows} rows")),
                "{message}"
            );
        }
        let message = compare(Some(7), Some((3, Some(8))), false).unwrap_err();
        assert!(message.contains("by its checksum"), "{message}");
    }

    #[test]
    fn missing_figures_are_a_failure_only_if_they_are_required() {
        assert_eq!(compare(None, None, false), Ok(Comparison::Nothing));
        let rows_only = Verified {
            rows: 3,
            checksum: false,
            presence_only: Vec::new(),
        };
        assert_eq!(
            compare(Some(7), Some((3, None)), false),
            Ok(Comparison::RowsOnly(rows_only))
        );
        for (checksum, figures) in [(None, None), (Some(7), Some((3, None)))] {
            let message = compare(checksum, figures, true).unwrap_err();
            assert!(message.contains("cannot be verified"), "{message}");
        }
    }

    #[test]
    fn a_source_without_figures_is_an_error_only_where_they_are_required() {
        let spec = |own| {
            let mut resource = ResourceSpec::new("t");
            resource.verify = own;
            let builder = PipelineSpec::builder("p").verify(Verification::Count);
            builder.resource(resource).build()
        };
        let classified = |own, subject: &str, severity| {
            let mut findings = [Finding {
                subject: subject.to_owned(),
                severity,
                message: String::new(),
                remedy: None,
            }];
            let found = classify(&spec(own), &mut findings);
            (found, findings[0].severity)
        };
        let (info, warning, error) = (Severity::Info, Severity::Warning, Severity::Error);
        let count = Some(Verification::Count);
        assert_eq!(classified(None, SUBJECT, warning), (true, warning));
        assert_eq!(classified(count, SUBJECT, warning), (true, error));
        assert_eq!(classified(count, SUBJECT, info), (false, info));
        assert_eq!(classified(count, "t", warning), (false, warning));
    }

    #[test]
    fn rows_of_several_points_in_time_cannot_be_verified() {
        let resumable = Consistency::Resumable {
            commit_every: Duration::from_secs(1),
        };
        let resource = |verify| {
            let mut resource = ResourceSpec::new("t");
            resource.verify = verify;
            resource
        };
        let spec = |verify, own| {
            PipelineSpec::builder("p")
                .consistency(resumable)
                .verify(verify)
                .resource(resource(own))
                .build()
        };
        let (off, count) = (Verification::Off, Verification::Count);
        assert!(validate(&spec(count, None)).is_err());
        assert!(validate(&spec(off, Some(count))).is_err());
        assert!(validate(&spec(off, None)).is_ok());
        let mut spec = spec(count, Some(count));
        spec.consistency = Consistency::Snapshot;
        assert!(validate(&spec).is_ok());
    }
}
