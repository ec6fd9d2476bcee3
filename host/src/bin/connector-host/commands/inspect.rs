//! `inspect`: what a component imports and asks for, and what a pipeline file
//! grants it.

use std::path::Path;
use std::process::ExitCode;

use connector_host::pipeline::Capabilities;

use super::{print, print_json};
use crate::args;
use crate::environment;
use crate::failure::Failure;

pub(crate) async fn run(args: args::Inspect) -> Result<ExitCode, Failure> {
    let card = match (&args.component, &args.config) {
        (Some(component), _) => of_component(component).await?,
        (None, Some(config)) => environment::pipeline(config)?.capabilities().await?,
        // The argument parser asks for one of them.
        (None, None) => {
            return Err(
                anyhow::anyhow!("neither a component nor a pipeline file was given").into(),
            );
        }
    };
    if args.json {
        print_json(&card)?;
    } else {
        print(&text(&card))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_component(path: &Path) -> Result<Capabilities, Failure> {
    let connector = environment::engine()?.connector(path, None)?;
    Ok(Capabilities::for_connector(&connector).await?)
}

fn text(card: &Capabilities) -> String {
    let d = &card.descriptor;
    let mut text = format!("{} {}\nsha256 {}\n", d.name, d.version, card.sha256);
    let mut section = |title: &str, lines: Vec<String>| {
        text.push_str(&format!("\n{title}\n"));
        if lines.is_empty() {
            text.push_str("  nothing\n");
        }
        for line in lines {
            text.push_str(&format!("  {line}\n"));
        }
    };
    section("imports", card.imports.clone());
    section("exports", card.exports.clone());
    let required = |required| if required { "required" } else { "optional" };
    section(
        "asks for the secrets",
        d.secrets
            .iter()
            .map(|s| format!("{} ({}): {}", s.name, required(s.required), s.purpose))
            .collect(),
    );
    section(
        "asks to reach",
        d.origins
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
        "may use",
        card.limits
            .iter()
            .map(|(limit, amount)| format!("{limit} {amount}"))
            .collect(),
    );
    if let Some(grants) = &card.grants {
        let or = |texts: &[String], default: &str| {
            if texts.is_empty() {
                default.to_owned()
            } else {
                texts.join(" ")
            }
        };
        section(
            "is granted",
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
                        or(&g.methods, "GET"),
                        or(&g.paths, "any path")
                    )
                })
                .collect(),
        );
        section(
            "differences",
            card.differences
                .iter()
                .map(|d| format!("{}: {}", d.subject, d.message))
                .collect(),
        );
    }
    text
}
