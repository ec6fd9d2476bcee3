//! Plan of a read: the selections, resolved against the catalogue. Sends no
//! requests.

use std::collections::{BTreeMap, VecDeque};

use super::queries::{DescribedQuery, QUERIES};
use super::requested::is_outside_database;
use super::target::{ReadMethod, Target};
use super::unchanged;
use crate::config::Config;
use crate::cursor::Cursor;
use crate::database::catalog::Catalog;
use crate::database::table::RelationKind;
use crate::error::{Category, Error, Result};
use crate::hrana::decoder::Encoding;
use crate::platform;
use crate::selection::{Mode, Selection};

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
    /// Resolves the selections, or the defaults if there are none. `encoding`
    /// returns the encoding of a resource. A `lenient` plan records the failure
    /// of a table instead of returning it.
    ///
    /// # Errors
    /// A config or not-found error if a selection does not suit the database.
    pub fn new(
        catalog: &Catalog,
        queries: Vec<DescribedQuery>,
        requested: &[Selection],
        config: &Config,
        lenient: bool,
        encoding: impl Fn(&str) -> Encoding,
    ) -> Result<Self> {
        check_query_names(catalog, &queries)?;
        let mut plan = Self::default();
        if requested.is_empty() {
            plan.add_all_tables(catalog, &encoding)?;
        }
        for selection in requested {
            let name = &selection.resource;
            if name == QUERIES && queries.is_empty() {
                return Err(Error::config(
                    format!("`{QUERIES}` selects all queries, but `queries` is empty"),
                    "set `queries` in the connector's config",
                ));
            }
            let is_query = name == QUERIES || queries.iter().any(|query| query.query.name == *name);
            let is_outside = is_outside_database(name, config);
            if !is_query && is_outside && catalog.get(name).is_some() {
                return Err(Error::config(
                    format!("`{name}` is both a table and a built-in resource"),
                    "read the table with a query of the config, under another name",
                ));
            }
            // Resources of the Platform API check their selections themselves.
            if platform::find_in(name, config).is_some() {
                continue;
            }
            if is_query || is_outside {
                check_read_in_full(selection, is_query && name != QUERIES)?;
                continue;
            }
            let Some(table) = catalog.get(name) else {
                return Err(unknown_resource(name, catalog));
            };
            let target = Target::for_table(table, selection, catalog, encoding(&table.name))
                .and_then(|target| target.with_types(&selection.types, selection.nested));
            match target {
                Ok(target) => plan.targets.push(target),
                Err(error) if lenient => plan.failures.push((table.name.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        plan.add_queries(queries, requested, &encoding)?;
        Ok(plan)
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
                ReadMethod::Paged => target.cursor = Some(Cursor::for_commit(commit)),
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

    fn add_all_tables(
        &mut self,
        catalog: &Catalog,
        encoding: &impl Fn(&str) -> Encoding,
    ) -> Result<()> {
        let in_full = Selection::default();
        for table in &catalog.tables {
            if table.kind == RelationKind::Table {
                let encoding = encoding(&table.name);
                self.targets
                    .push(Target::for_table(table, &in_full, catalog, encoding)?);
            }
        }
        Ok(())
    }

    fn add_queries(
        &mut self,
        queries: Vec<DescribedQuery>,
        requested: &[Selection],
        encoding: &impl Fn(&str) -> Encoding,
    ) -> Result<()> {
        for DescribedQuery { query, columns } in queries {
            let mut selections = requested.iter();
            let own = selections.find(|selection| selection.resource == query.name);
            let is_requested = own.is_some()
                || requested.is_empty()
                || requested
                    .iter()
                    .any(|selection| selection.resource == QUERIES);
            if !is_requested {
                continue;
            }
            let types = own.map_or(&[][..], |selection| &selection.types);
            let nested = own.is_some_and(|selection| selection.nested);
            match columns {
                Ok(columns) => {
                    let encoding = encoding(&query.name);
                    let target = Target::for_query(
                        query.name,
                        columns,
                        query.sql,
                        query.primary_key,
                        encoding,
                    );
                    self.targets.push(target.with_types(types, nested)?);
                }
                Err(error) => self.failures.push((query.name, error)),
            }
        }
        Ok(())
    }
}

/// Checks that no query has the name of a table.
fn check_query_names(catalog: &Catalog, queries: &[DescribedQuery]) -> Result<()> {
    for DescribedQuery { query, .. } in queries {
        let mut tables = catalog.tables.iter();
        if tables.any(|table| table.name.eq_ignore_ascii_case(&query.name)) {
            return Err(Error::config(
                format!("the query `{}` has the name of a table", query.name),
                "rename the query",
            ));
        }
    }
    Ok(())
}

/// Checks the selection of a resource that is not a table: it is read in full.
fn check_read_in_full(selection: &Selection, is_single_query: bool) -> Result<()> {
    let name = &selection.resource;
    if selection.mode != Mode::Full || selection.filter.is_some() {
        return Err(Error::config(
            format!("`{name}` is always read in full, without a condition"),
            "remove `mode` and `where`",
        ));
    }
    if !is_single_query && !selection.types.is_empty() {
        return Err(Error::config(
            format!("the column types of `{name}` cannot be changed"),
            "remove `types`; to set the types of a query, select it by its own name",
        ));
    }
    if !selection.columns.is_empty() {
        return Err(Error::config(
            format!("the columns of `{name}` cannot be selected"),
            "remove `columns`; the columns of a query are those of its SQL",
        ));
    }
    Ok(())
}

fn unknown_resource(name: &str, catalog: &Catalog) -> Error {
    let error = Error::new(
        Category::NotFound,
        format!("the database has no table, view or query `{name}`"),
    );
    let mut tables = catalog.tables.iter();
    if let Some(table) = tables.find(|table| table.name.eq_ignore_ascii_case(name)) {
        return error.hint(format!("did you mean `{}`?", table.name));
    }
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
