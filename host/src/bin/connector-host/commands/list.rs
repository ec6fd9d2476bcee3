//! `list`: lists the resources that can be read.

use std::process::ExitCode;

use anyhow::Context;
use connector_host::model::{ReadMode, Resource, ResourceKind};
use serde::Serialize;

use super::print_json;
use crate::args::Common;
use crate::environment;
use crate::failure::Failure;
use crate::table::{Table, count};

/// JSON form of a resource.
#[derive(Serialize)]
struct ListedResource<'a> {
    name: &'a str,
    kind: ResourceKind,
    description: Option<&'a str>,
    columns: Vec<Column<'a>>,
    primary_key: &'a [String],
    #[serde(rename = "cursor_fields")]
    cursor_columns: &'a [String],
    modes: &'a [ReadMode],
    parent: Option<&'a str>,
    default: bool,
    /// True if the pipeline reads it.
    selected: bool,
    estimated_rows: Option<u64>,
}

#[derive(Serialize)]
struct Column<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    data_type: String,
    nullable: bool,
}

pub(crate) async fn run(args: Common) -> Result<ExitCode, Failure> {
    let pipeline = environment::pipeline(&args.config)?;
    let resources = pipeline.list().await?;
    if args.json {
        let selected = pipeline.selected(&resources)?;
        let listed = |resource| listed(resource, &selected);
        print_json(&resources.iter().map(listed).collect::<Vec<_>>())?;
    } else {
        print_table(&resources)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn listed<'r>(resource: &'r Resource, selected: &[&str]) -> ListedResource<'r> {
    ListedResource {
        name: &resource.name,
        kind: resource.kind,
        description: resource.description.as_deref(),
        columns: resource
            .schema
            .fields()
            .iter()
            .map(|field| column(field))
            .collect(),
        primary_key: &resource.primary_key,
        cursor_columns: &resource.cursor_columns,
        modes: &resource.modes,
        parent: resource.parent.as_deref(),
        default: resource.by_default,
        selected: selected.contains(&resource.name.as_str()),
        estimated_rows: resource.estimated_rows,
    }
}

fn column(field: &arrow_schema::Field) -> Column<'_> {
    Column {
        name: field.name(),
        data_type: match field.data_type() {
            // The first value decides the type.
            arrow_schema::DataType::Null => "any".to_owned(),
            known => known.to_string(),
        },
        nullable: field.is_nullable(),
    }
}

fn print_table(resources: &[Resource]) -> anyhow::Result<()> {
    let mut table = Table::new(
        [
            "resource",
            "kind",
            "default",
            "columns",
            "key",
            "cursors",
            "rows",
            "description",
        ],
        &[3, 6],
    );
    for resource in resources {
        let kind = match resource.kind {
            ResourceKind::Table => "table",
            ResourceKind::View => "view",
            ResourceKind::Endpoint => "endpoint",
            ResourceKind::Feed => "feed",
            ResourceKind::Query => "query",
            _ => "other",
        };
        table.row([
            resource.name.clone(),
            kind.to_owned(),
            if resource.by_default { "yes" } else { "no" }.to_owned(),
            resource.schema.fields().len().to_string(),
            resource.primary_key.join(", "),
            resource.cursor_columns.join(", "),
            resource
                .estimated_rows
                .map_or_else(|| "-".to_owned(), count),
            resource.description.clone().unwrap_or_default(),
        ]);
    }
    table.print().context("cannot write to standard output")
}
