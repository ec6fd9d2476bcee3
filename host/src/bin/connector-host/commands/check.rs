//! `check`: checks everything that a load would need.

use std::process::ExitCode;

use connector_host::model::Severity;

use super::{print, print_json};
use crate::args::Common;
use crate::environment;
use crate::failure::{FAILED, Failure};
use crate::remedy;

pub(crate) async fn run(args: Common) -> Result<ExitCode, Failure> {
    let findings = environment::pipeline(&args.config)?.check().await?;
    if args.json {
        print_json(&findings)?;
    } else {
        let mut text = String::new();
        for finding in &findings {
            let label = match finding.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
                _ => "ok",
            };
            text.push_str(&format!(
                "{label}: {}: {}\n",
                finding.subject, finding.message
            ));
            if let Some(remedy) = &finding.remedy {
                text.push_str(&format!("hint: {}\n", remedy::hint(remedy)));
            }
        }
        print(&text)?;
    }
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    Ok(if failed {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}
