//! Plan of a read: the selections, resolved against the catalogue. Sends no
//! requests.

use std::collections::{BTreeMap, VecDeque};

use super::queries::{DescribedQuery, QUERIES};
use super::requested::{check_read_in_full, is_outside_database};
use super::target::{ReadMethod, Target, unlimited};
use super::unchanged;
use crate::config::Config;
use crate::cursor::Cursor;
use crate::database::catalog::Catalog;
use crate::database::table::RelationKind;
use crate::database::table::TableColumn;
use crate::error::{Category, Error, Result};
use crate::hrana::decoder::Encoding;
use crate::rows::column_types::ColumnTypes;
use crate::rows::columns::ColumnSpec;
use crate::selection::Selection;

/// Maximum number of tables that a hint lists.
const MAX_LISTED_TABLES: usize = 10;

/// Resources of the database that are read, and those that cannot be.
#[derive(Debug, Default)]
pub struct Plan {
    /// Resources to read.
    pub(super) targets: Vec<Target>,
    /// Resources that cannot be read, while the others can.
    pub(super) failures: Vec<(String, Error)>,
}

/// Targets of a plan by the reader that takes them.
#[derive(Debug, Default)]
pub(super) struct TargetQueues {
    /// Tables that are read in pages.
    pub(super) paged: VecDeque<Target>,
    /// Tables whose changes are read from the feed.
    pub(super) followed: VecDeque<Target>,
    /// Resources that one statement reads.
    pub(super) whole: Vec<Target>,
}

impl Plan {
    /// Resolves the selections, or the defaults if there are none. A resource
    /// that does not suit the database fails, and the others are read. `encoding`
    /// returns the encoding of a resource with a number of columns.
    pub fn new(
        catalog: &Catalog,
        queries: Vec<DescribedQuery>,
        requested: &[Selection],
        config: &Config,
        types: &ColumnTypes,
        encoding: impl Fn(&str, usize) -> Encoding,
    ) -> Self {
        let mut plan = Self::default();
        let is_query = |name: &str| {
            let mut queries = queries.iter();
            queries.any(|query| query.query.name.eq_ignore_ascii_case(name))
        };
        let selections = requested
            .iter()
            .filter(|selection| selection.invalid.is_none());
        if requested.is_empty() {
            plan.add_all_tables(catalog, is_query, types, &encoding);
        }
        for selection in selections {
            let name = &selection.resource;
            let target = if name == QUERIES || is_query(name) {
                check_queries(selection, !queries.is_empty()).map(|()| None)
            } else if is_outside_database(name, config) {
                check_outside_database(name, catalog).map(|()| None)
            } else {
                table_target(selection, catalog, types, &encoding).map(Some)
            };
            match target {
                Ok(target) => plan.targets.extend(target),
                Err(error) => plan.failures.push((name.clone(), error)),
            }
        }
        plan.add_queries(catalog, queries, requested, types, &encoding);
        plan
    }

    /// Moves resources that are known to fail from the targets to the failures.
    pub(super) fn exclude(&mut self, excluded: &BTreeMap<String, Error>) {
        let targets = std::mem::take(&mut self.targets);
        for target in targets {
            match excluded.get(&target.resource) {
                Some(error) => self.failures.push((target.resource, error.clone())),
                None => self.targets.push(target),
            }
        }
    }

    /// Records the failures of targets, which are then not read.
    pub(super) fn fail(&mut self, failures: Vec<(String, Error)>) {
        let failed = |target: &Target| failures.iter().any(|(name, _)| *name == target.resource);
        self.targets.retain(|target| !failed(target));
        self.failures.extend(failures);
    }

    /// Records in the cursors of tables that they are read up to a commit.
    pub(super) fn set_commit(&mut self, requested: &[Selection], commit: &str) {
        for target in &mut self.targets {
            let mut selections = requested.iter();
            let Some(selection) =
                selections.find(|selection| selection.resource == target.resource)
            else {
                continue;
            };
            let commit = unchanged::commit_position(selection, commit);
            match &mut target.method {
                ReadMethod::Paged => {
                    target.cursor = Some(Cursor {
                        database: selection.database.clone(),
                        ..Cursor::for_commit(commit)
                    });
                }
                ReadMethod::Incremental(increment) => increment.commit = Some(commit),
                _ => {}
            }
        }
    }

    /// Splits the targets by the reader that takes them.
    #[must_use]
    pub(super) fn into_queues(self) -> TargetQueues {
        let mut queues = TargetQueues::default();
        for target in self.targets {
            match target.method {
                ReadMethod::Paged | ReadMethod::Incremental(_) => queues.paged.push_back(target),
                ReadMethod::Changes(_) => queues.followed.push_back(target),
                ReadMethod::Whole | ReadMethod::Query(_) => queues.whole.push(target),
            }
        }
        queues
    }

    /// Adds every table, unless a query has its name.
    fn add_all_tables(
        &mut self,
        catalog: &Catalog,
        is_query: impl Fn(&str) -> bool,
        types: &ColumnTypes,
        encoding: &impl Fn(&str, usize) -> Encoding,
    ) {
        for table in &catalog.tables {
            if table.kind == RelationKind::Table && !is_query(&table.name) {
                let in_full = Selection {
                    resource: table.name.clone(),
                    ..Selection::default()
                };
                self.add(
                    &table.name,
                    table_target(&in_full, catalog, types, encoding),
                );
            }
        }
    }

    fn add_queries(
        &mut self,
        catalog: &Catalog,
        queries: Vec<DescribedQuery>,
        requested: &[Selection],
        types: &ColumnTypes,
        encoding: &impl Fn(&str, usize) -> Encoding,
    ) {
        let has_failed = |plan: &Self, name: &str| {
            let mut failures = plan.failures.iter();
            failures.any(|(failed, _)| failed == name)
        };
        let mut selections = requested.iter();
        let selects_all = requested.is_empty()
            || selections.any(|selection| selection.resource == QUERIES)
                && !has_failed(self, QUERIES);
        for mut query in queries {
            let mut selections = requested.iter();
            let is_own = |selection: &&Selection| {
                let requested = &selection.resource;
                requested.eq_ignore_ascii_case(&query.query.name)
            };
            let own = selections.find(is_own);
            if let Some(own) = own {
                query.query.name.clone_from(&own.resource);
            }
            let name = query.query.name.clone();
            let is_invalid = own.is_some_and(|selection| selection.invalid.is_some());
            let is_requested = own.is_some() || selects_all;
            if is_requested && !is_invalid && !has_failed(self, &name) {
                let width = query.columns.as_ref().map_or(0, Vec::len);
                let encoding = encoding(&name, width);
                self.add(&name, query_target(query, own, catalog, types, encoding));
            }
        }
    }

    fn add(&mut self, name: &str, target: Result<Target>) {
        match target {
            Ok(target) => self.targets.push(target),
            Err(error) => self.failures.push((name.to_owned(), error)),
        }
    }
}

/// Returns the target of a selected table or view.
fn table_target(
    selection: &Selection,
    catalog: &Catalog,
    types: &ColumnTypes,
    encoding: &impl Fn(&str, usize) -> Encoding,
) -> Result<Target> {
    let name = &selection.resource;
    let mut unreadable = catalog.unreadable.iter();
    if let Some((_, error)) = unreadable.find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Err(error.clone());
    }
    let Some(table) = catalog.get(name) else {
        return Err(unknown_resource(name, catalog));
    };
    let mut selection = selection.clone();
    let columns: Vec<_> = table.columns.iter().map(TableColumn::spec).collect();
    let is_selected = |column: &&ColumnSpec| {
        let mut selected = selection.columns.iter();
        selection.columns.is_empty() || selected.any(|name| name.eq_ignore_ascii_case(&column.name))
    };
    let selected: Vec<_> = columns.iter().filter(is_selected).collect();
    selection.add_rules(types, selected.into_iter());
    let encoding = encoding(name, table.columns.len());
    let mut target = Target::for_table(table, &selection, catalog, encoding)?;
    // The table may be spelled in another letter case.
    target.resource.clone_from(name);
    target.with_types(&selection, types)
}

/// Returns the target of a query, with the types that its selection requests.
fn query_target(
    DescribedQuery { query, columns }: DescribedQuery,
    selection: Option<&Selection>,
    catalog: &Catalog,
    types: &ColumnTypes,
    encoding: Encoding,
) -> Result<Target> {
    let mut tables = catalog.tables.iter();
    if tables.any(|table| table.name.eq_ignore_ascii_case(&query.name)) {
        return Err(Error::config(
            format!("the query `{}` has the name of a table", query.name),
            "rename the query",
        ));
    }
    if selection.is_some_and(|selection| selection.max_rows_billed.is_some()) {
        return Err(unlimited(&query.name));
    }
    let columns = columns?;
    let mut selection = selection.cloned().unwrap_or_default();
    selection.add_rules(types, columns.iter());
    Target::for_query(query.name, columns, query.sql, query.primary_key, encoding)
        .with_types(&selection, types)
}

/// Checks the selection of one query, or of all.
fn check_queries(selection: &Selection, has_queries: bool) -> Result<()> {
    if !has_queries {
        return Err(Error::config(
            format!("`{QUERIES}` selects all queries, but `queries` is empty"),
            "set `queries` in the connector's config",
        ));
    }
    check_read_in_full(selection, selection.resource != QUERIES)
}

/// Checks that no table has the name of a resource outside of the database.
fn check_outside_database(name: &str, catalog: &Catalog) -> Result<()> {
    if catalog.tables.iter().any(|table| table.name == name) {
        return Err(Error::config(
            format!("`{name}` is both a table and a built-in resource"),
            "read the table with a query of the config, under another name",
        ));
    }
    Ok(())
}

fn unknown_resource(name: &str, catalog: &Catalog) -> Error {
    let error = Error::new(
        Category::NotFound,
        format!("the database has no table, view or query `{name}`"),
    );
    let tables = catalog.tables.iter().take(MAX_LISTED_TABLES);
    let mut names: Vec<_> = tables.map(|table| table.name.as_str()).collect();
    if names.is_empty() {
        return error.hint("the database has no tables");
    }
    if catalog.tables.len() > MAX_LISTED_TABLES {
        names.push("...");
    }
    error.hint(format!("the database has {}", names.join(", ")))
}
