//! `inspect`: shows what a component imports and requests, and what a pipeline
//! file grants.

use std::path::Path;
use std::process::ExitCode;

use connector_host::pipeline::Capabilities;

use super::{print, print_json};
use crate::args;
use crate::environment;
use crate::failure::Failure;

pub(crate) async fn run(args: args::Inspect) -> Result<ExitCode, Failure> {
    let capabilities = match (&args.component, &args.config) {
        (Some(component), _) => inspect_component(component).await?,
        (None, Some(config)) => environment::pipeline(config)?.capabilities().await?,
        // The argument parser requires one of them.
        (None, None) => {
            return Err(
                anyhow::anyhow!("neither a component nor a pipeline file was given").into(),
            );
        }
    };
    if args.json {
        print_json(&capabilities)?;
    } else {
        print(&text(&capabilities))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn inspect_component(path: &Path) -> Result<Capabilities, Failure> {
    let connector = environment::engine()?.connector(path, None)?;
    Ok(Capabilities::for_connector(&connector).await?)
}

fn text(capabilities: &Capabilities) -> String {
    let descriptor = &capabilities.descriptor;
    let mut text = format!(
        "{} {}\nsha256 {}\n",
        descriptor.name, descriptor.version, capabilities.sha256
    );
    let mut section = |title: &str, lines: Vec<String>| {
        text.push_str(&format!("\n{title}\n"));
        if lines.is_empty() {
            text.push_str("  nothing\n");
        }
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    };
    section("imports", capabilities.imports.clone());
    section("exports", capabilities.exports.clone());
    let required = |required| if required { "required" } else { "optional" };
    section(
        "requested secrets",
        descriptor
            .secrets
            .iter()
            .map(|s| format!("{} ({}): {}", s.name, required(s.required), s.purpose))
            .collect(),
    );
    section(
        "requested origins",
        descriptor
            .origins
            .iter()
            .map(|o| {
                let secrets = if o.secrets.is_empty() {
                    String::new()
                } else {
                    format!(" with {}", o.secrets.join(", "))
                };
                format!(
                    "{} {} {}{secrets}: {}",
                    o.origin,
                    o.methods.join(" "),
                    o.paths.join(" "),
                    o.purpose
                )
            })
            .collect(),
    );
    section(
        "limits",
        capabilities
            .limits
            .iter()
            .map(|(limit, amount)| format!("{limit} {amount}"))
            .collect(),
    );
    if let Some(grants) = &capabilities.grants {
        let join = |texts: &[String], default: &str| {
            if texts.is_empty() {
                default.to_owned()
            } else {
                texts.join(" ")
            }
        };
        section(
            "granted",
            grants
                .iter()
                .map(|g| {
                    let private = if g.private { ", private addresses" } else { "" };
                    let secrets = if g.secrets.is_empty() {
                        String::new()
                    } else {
                        format!(" with {}", g.secrets.join(", "))
                    };
                    format!(
                        "{} {} {}{secrets}{private}",
                        g.origin,
                        join(&g.methods, "GET"),
                        join(&g.paths, "any path")
                    )
                })
                .collect(),
        );
        section(
            "differences",
            capabilities
                .differences
                .iter()
                .map(|d| format!("{}: {}", d.subject, d.message))
                .collect(),
        );
    }
    text
}
