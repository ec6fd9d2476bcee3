//! What a read reads, and how: selections against the catalogue.

use std::collections::{BTreeMap, VecDeque};

use super::followed::Followed;
use super::increment::{Increment, Phase, Rows};
use super::unchanged;
use crate::builtin::Builtin;
use crate::config::{Config, Query};
use crate::cursor::Cursor;
use crate::database::catalog::Catalog;
use crate::database::condition::Condition;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::paging::Paging;
use crate::database::statement;
use crate::database::stream::Stream;
use crate::database::table::{RelationKind, Table};
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::hrana::decoder::Encoding;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, ResultColumn};
use crate::platform;
use crate::rows::columns::{ColumnSpec, Storage, declares_json};
use crate::selection::{Mode, Selection};

/// The parent of all queries of the config. To select it is to select them.
pub const QUERIES: &str = "db_pipeline";

/// A query of the config, with the columns that the server says it has.
#[derive(Clone, Debug)]
pub struct DescribedQuery {
    /// As the config has it.
    pub query: Query,
    /// Its columns, or why it cannot be run.
    pub columns: Result<Vec<ColumnSpec>>,
}

/// How a resource is read.
#[derive(Clone, Debug)]
pub enum How {
    /// In pages, in the phases of the target.
    Paged,
    /// In pages, from where the last read ended. Becomes phases when the
    /// server has said how it can be read.
    Increment(Box<Increment>),
    /// By the feed of changes. Without a position, it becomes pages.
    Followed(Box<Followed>),
    /// All at once: a view, or a table without a key.
    Whole,
    /// All at once: the query.
    Query(String),
}

/// A resource to read.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub resource: String,
    /// Its columns.
    pub columns: Vec<ColumnSpec>,
    /// How it is read.
    pub how: How,
    /// How its values travel.
    pub encoding: Encoding,
    /// Columns of its key.
    pub primary_key: Vec<String>,
    /// What is read one after the other, if it is read in pages.
    pub phases: VecDeque<Phase>,
    /// The keys of all rows, if they are wanted as well, and their columns.
    pub keys: Option<(Phase, Vec<ColumnSpec>)>,
    /// Where the next read goes on, if that is known before this one.
    pub cursor: Option<Cursor>,
    /// Its row id, if it has one.
    pub row_id: Option<String>,
    /// The most rows that the server may bill.
    pub max_rows_billed: Option<u64>,
    /// Rows that it has billed before the first page.
    pub billed: u64,
    /// Whether all rows are looked at to find the new ones.
    pub is_scan: bool,
    /// What the operator should know.
    pub notes: Vec<String>,
}

/// What the database's part of a read consists of.
#[derive(Debug, Default)]
pub struct Plan {
    pub(super) targets: Vec<Target>,
    /// What cannot be read, and why. It leaves the rest alone.
    pub(super) failed: Vec<(String, Error)>,
}

impl Plan {
    /// What `requested` means; the defaults, if it is empty. `is_typed` says of
    /// which resources it is known that they hold text that is not UTF-8.
    pub fn resolve(
        catalog: &Catalog,
        queries: Vec<DescribedQuery>,
        requested: &[Selection],
        config: &Config,
        lenient: bool,
        is_typed: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let encoding = |name: &str| {
            if is_typed(name) {
                Encoding::Typed
            } else {
                Encoding::Plain
            }
        };
        for query in &queries {
            if catalog
                .tables
                .iter()
                .any(|table| table.name.eq_ignore_ascii_case(&query.query.name))
            {
                return Err(Error::config(
                    format!(
                        "a query is named `{}`, as a table of the database is",
                        query.query.name
                    ),
                    "give the query another name",
                ));
            }
        }
        let wanted = |name: &str| {
            requested
                .iter()
                .any(|selection| selection.resource == name || selection.resource == QUERIES)
        };
        for selection in requested {
            let name = &selection.resource;
            let is_query = name == QUERIES || queries.iter().any(|query| query.query.name == *name);
            if name == QUERIES && queries.is_empty() {
                return Err(Error::config(
                    format!("`{QUERIES}` stands for the queries of the config, and there are none"),
                    "add `queries` to [connector.config]",
                ));
            }
            let is_builtin = is_builtin(name, config);
            if !is_query && is_builtin && catalog.get(name).is_some() {
                return Err(Error::config(
                    format!("`{name}` is both a table and a built-in resource"),
                    "read the table by a query of the config under another name",
                ));
            }
            // What a resource of the Platform API can do, it judges itself.
            if platform::named_in(name, config).is_some() {
                continue;
            }
            if is_query || is_builtin {
                judge_whole(selection, is_query && name != QUERIES)?;
                continue;
            }
            let Some(table) = catalog.get(name) else {
                return Err(unknown(name, catalog));
            };
            let target = Target::of_table(table, selection, catalog, encoding(&table.name));
            let target =
                target.and_then(|target| target.with_types(&selection.types, selection.nested));
            match target {
                Ok(target) => plan.targets.push(target),
                Err(error) if lenient => plan.failed.push((table.name.clone(), error)),
                Err(error) => return Err(error),
            }
        }
        if requested.is_empty() {
            let all = Selection::default();
            let is_table = |table: &&Table| table.kind == RelationKind::Table;
            for table in catalog.tables.iter().filter(is_table) {
                let encoding = encoding(&table.name);
                plan.targets
                    .push(Target::of_table(table, &all, catalog, encoding)?);
            }
        }
        for DescribedQuery { query, columns } in queries {
            if !requested.is_empty() && !wanted(&query.name) {
                continue;
            }
            let encoding = encoding(&query.name);
            let mut own = requested
                .iter()
                .filter(|requested| requested.resource == query.name);
            let own = own.next();
            let types = own.map_or(&[][..], |selection| &selection.types);
            let nested = own.is_some_and(|selection| selection.nested);
            match columns {
                Ok(columns) => {
                    let target = Target {
                        primary_key: query.primary_key,
                        ..Target::new(query.name, columns, How::Query(query.sql), encoding)
                    };
                    plan.targets.push(target.with_types(types, nested)?);
                }
                Err(error) => plan.failed.push((query.name, error)),
            }
        }
        Ok(plan)
    }

    /// Says of the tables what will have been seen of them when all has been
    /// read.
    pub(super) fn see(&mut self, requested: &[Selection], commit: &str) {
        for target in &mut self.targets {
            let mut own = requested.iter();
            let own = own.find(|selection| selection.resource == target.resource);
            let Some(seen) = own.map(|selection| unchanged::seen(selection, commit)) else {
                continue;
            };
            match &mut target.how {
                How::Paged => target.cursor = Some(Cursor::for_commit(seen)),
                How::Increment(increment) => increment.commit = Some(seen),
                _ => {}
            }
        }
    }

    /// What is known to fail, and why.
    pub fn take_failed(&mut self) -> Vec<(String, Error)> {
        std::mem::take(&mut self.failed)
    }

    /// Whether a resource is in it.
    #[must_use]
    pub fn has(&self, resource: &str) -> bool {
        self.targets
            .iter()
            .any(|target| target.resource == resource)
    }

    /// The plan without what is known to fail.
    #[must_use]
    pub fn without(mut self, excluded: &BTreeMap<String, Error>) -> Self {
        self.targets
            .retain(|target| !excluded.contains_key(&target.resource));
        self
    }

    /// Takes out what goes on by the feed of changes.
    #[must_use]
    pub fn take_followed(&mut self) -> VecDeque<Target> {
        let followed = |target: &Target| matches!(target.how, How::Followed(_));
        let targets = std::mem::take(&mut self.targets).into_iter();
        let (taken, left): (Vec<_>, Vec<_>) = targets.partition(followed);
        self.targets = left;
        taken.into()
    }

    /// What is read in pages, and the rest.
    #[must_use]
    pub fn split(self) -> (VecDeque<Target>, Vec<Target>) {
        let in_pages = |target: &Target| matches!(target.how, How::Paged | How::Increment(_));
        let (paged, rest): (Vec<_>, Vec<_>) = self.targets.into_iter().partition(in_pages);
        (paged.into(), rest)
    }
}

impl Target {
    fn new(resource: String, columns: Vec<ColumnSpec>, how: How, encoding: Encoding) -> Self {
        Self {
            resource,
            columns,
            how,
            encoding,
            primary_key: Vec::new(),
            phases: VecDeque::new(),
            keys: None,
            cursor: None,
            row_id: None,
            max_rows_billed: None,
            billed: 0,
            is_scan: false,
            notes: Vec::new(),
        }
    }

    /// A table or view, as it was asked for.
    pub fn of_table(
        table: &Table,
        selection: &Selection,
        catalog: &Catalog,
        encoding: Encoding,
    ) -> Result<Self> {
        let column = |name: &String| {
            let found = table
                .columns
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name));
            found
                .map(crate::database::table::TableColumn::spec)
                .ok_or_else(|| {
                    let names: Vec<_> = table
                        .columns
                        .iter()
                        .map(|column| column.name.as_str())
                        .collect();
                    Error::config(
                        format!("`{}` has no column `{name}`", table.name),
                        format!("it has {}", names.join(", ")),
                    )
                })
        };
        let columns: Vec<_> = if selection.columns.is_empty() {
            table
                .columns
                .iter()
                .map(crate::database::table::TableColumn::spec)
                .collect()
        } else {
            let names = selection.columns.iter();
            names.map(column).collect::<Result<_>>()?
        };
        let primary_key = if selection.primary_key.is_empty() {
            table.primary_key()
        } else {
            let names = selection.primary_key.iter().map(column);
            let specs = names.collect::<Result<Vec<_>>>()?;
            specs.into_iter().map(|spec| spec.name).collect()
        };
        let mut target = Self {
            max_rows_billed: selection.max_rows_billed,
            row_id: table.key().and_then(|key| key.row_id()),
            ..Self::new(table.name.clone(), columns, How::Whole, encoding)
        };
        let filter = selection.filter.as_deref().map(Condition::from_user);
        if selection.keys && !primary_key.is_empty() {
            let specs: Vec<_> = primary_key.iter().map(column).collect::<Result<_>>()?;
            // Only the declared key is sure to be in an order in which no two
            // rows are equal, and in an index.
            let paging = match table.key() {
                Some(key) if primary_key != table.primary_key() => Paging::new(table, &key, &specs),
                _ => Paging::for_columns(table, &specs),
            };
            let paging = paging.with_filter(filter.clone());
            let phase = Phase {
                rows: Rows::Keys,
                ..Phase::all(paging)
            };
            target.keys = Some((phase, specs));
        }
        target.primary_key = primary_key;
        match (selection.mode, table.key()) {
            (Mode::Full, Some(key)) => {
                let paging = Paging::new(table, &key, &target.columns).with_filter(filter);
                target.how = How::Paged;
                target.phases = [Phase::all(paging)].into();
            }
            (Mode::Full, None) if filter.is_none() => {}
            (Mode::Full, None) => {
                return Err(Error::config(
                    format!("`{}` is read as a whole, without a condition", table.name),
                    "leave `where` out, or write a query (`queries`)",
                ));
            }
            (Mode::Incremental, _) => {
                let increment = Increment::new(table, &target.columns, selection)?;
                target.how = How::Increment(Box::new(increment));
            }
            (Mode::Changes, _) => {
                let key = &target.primary_key;
                let followed = Followed::new(table, catalog.has_changes, key, selection)?;
                target.how = How::Followed(Box::new(followed));
            }
        }
        Ok(target)
    }

    /// The statement that reads all of it at once.
    #[must_use]
    pub fn statement(&self, limit: Option<u64>) -> Statement {
        match &self.how {
            How::Query(sql) => {
                statement::select_query(sql, self.columns.len(), self.encoding, limit)
            }
            _ => statement::select_all(&self.resource, &self.columns, self.encoding, limit),
        }
    }
}

/// The built-in resources among those that were asked for.
#[must_use]
pub fn builtins(requested: &[Selection], config: &Config) -> VecDeque<Builtin> {
    requested
        .iter()
        .filter_map(|selection| Builtin::find(&selection.resource, config))
        .collect()
}

/// Whether a resource is no part of what is in the database.
#[must_use]
pub fn is_builtin(name: &str, config: &Config) -> bool {
    Builtin::find(name, config).is_some() || platform::named_in(name, config).is_some()
}

/// What the server says of the queries, without running them.
pub fn describe(stream: &mut Stream, queries: &[Query]) -> Result<Vec<DescribedQuery>, Failure> {
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let minimal = stream.dialect() == Dialect::Minimal;
    // Twice: as the user wrote it, which tells whether it changes anything,
    // and as it will be read. A server that cannot describe is asked for none
    // of its rows.
    let questions = |query: &Query| {
        let read = |limit| statement::select_query(&query.sql, 0, Encoding::Plain, limit);
        if minimal {
            [
                Request::execute(read(Some(0))),
                Request::execute(read(Some(0))),
            ]
        } else {
            let describe = |sql: &str| Request::Describe {
                sql: sql.to_owned(),
            };
            [describe(&query.sql), describe(&read(None).sql)]
        }
    };
    let requests: Vec<_> = queries.iter().flat_map(questions).collect();
    let (response, _) = stream.run(&requests)?;
    let outcomes = response.outcomes.chunks_exact(2);
    let described = queries.iter().zip(outcomes).map(|(query, outcomes)| {
        let subject = format!("the query `{}`", query.name);
        let columns = match outcomes {
            [
                Outcome::Described {
                    is_readonly: false, ..
                },
                _,
            ] => Err(Error::config(
                format!("{subject} changes the database"),
                "queries of a pipeline may only read",
            )),
            [Outcome::Failed(error), _] | [_, Outcome::Failed(error)] => {
                Err(Error::from(failure::from_sql_error(error, &subject))
                    .hint("it must be one SELECT; try it in `turso db shell`"))
            }
            [_, Outcome::Described { columns, .. }] => Ok(specs(columns)),
            [_, Outcome::Executed(executed)] => Ok(specs(&executed.columns)),
            _ => Err(Error::new(
                Category::Protocol,
                format!("{subject}: the server did not describe it"),
            )),
        };
        DescribedQuery {
            query: query.clone(),
            columns,
        }
    });
    Ok(described.collect())
}

/// Columns of a query: named apart, typed by the columns they come from.
fn specs(columns: &[ResultColumn]) -> Vec<ColumnSpec> {
    let mut specs: Vec<ColumnSpec> = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let base = if column.name.is_empty() {
            format!("column{}", index + 1)
        } else {
            column.name.clone()
        };
        let mut name = base.clone();
        let mut copy = 2;
        while specs
            .iter()
            .any(|spec| spec.name.eq_ignore_ascii_case(&name))
        {
            name = format!("{base}_{copy}");
            copy += 1;
        }
        let storage = column
            .decltype
            .as_deref()
            .map_or(Storage::ByValue, Storage::from_declared);
        specs.push(ColumnSpec {
            name,
            storage,
            holds_json: column.decltype.as_deref().is_some_and(declares_json),
        });
    }
    specs
}

/// What a database calls what is asked for, if it has it: not all of many
/// spell their tables alike.
pub(super) fn name_in(name: &str, catalog: &Catalog, config: &Config) -> Option<String> {
    let mut queries = config.queries.iter();
    if name == QUERIES
        || queries.any(|query| query.name == name)
        || Builtin::find(name, config).is_some()
        || platform::named_in(name, config).is_some()
    {
        return Some(name.to_owned());
    }
    let mut tables = catalog.tables.iter();
    let like = tables.find(|table| table.name.eq_ignore_ascii_case(name));
    catalog.get(name).or(like).map(|table| table.name.clone())
}

/// Refuses what cannot be asked of a resource that is no table.
fn judge_whole(selection: &Selection, is_own_query: bool) -> Result<()> {
    let name = &selection.resource;
    if selection.mode != Mode::Full || selection.filter.is_some() {
        return Err(Error::config(
            format!("`{name}` is read in full, and without a condition"),
            "leave `mode` and `where` out",
        ));
    }
    if !is_own_query && !selection.types.is_empty() {
        return Err(Error::config(
            format!("the types of `{name}` cannot be chosen"),
            "leave `types` out; those of a query go to a [[resource]] of its own name",
        ));
    }
    if !selection.columns.is_empty() {
        return Err(Error::config(
            format!("the columns of `{name}` cannot be chosen"),
            "leave `columns` out; those of a query are chosen in its SQL",
        ));
    }
    Ok(())
}

fn unknown(name: &str, catalog: &Catalog) -> Error {
    const SHOWN: usize = 10;
    let error = Error::new(
        Category::NotFound,
        format!("there is no table, view or query `{name}`"),
    );
    let other_case = catalog
        .tables
        .iter()
        .find(|table| table.name.eq_ignore_ascii_case(name));
    if let Some(table) = other_case {
        return error.hint(format!("did you mean `{}`?", table.name));
    }
    let mut names: Vec<_> = catalog
        .tables
        .iter()
        .take(SHOWN)
        .map(|table| table.name.as_str())
        .collect();
    if catalog.tables.len() > SHOWN {
        names.push("...");
    }
    error.hint(format!(
        "there are {}; `connector-host list` shows all",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_query_are_named_apart() {
        let column = |name: &str, decltype: Option<&str>| ResultColumn {
            name: name.to_owned(),
            decltype: decltype.map(str::to_owned),
        };
        let found = specs(&[
            column("id", Some("INTEGER")),
            column("ID", None),
            column("", None),
            column("id_2", None),
        ]);
        let names: Vec<_> = found.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["id", "ID_2", "column3", "id_2_2"]);
        assert_eq!(found[0].storage, Storage::Integer);
        assert_eq!(found[1].storage, Storage::ByValue);
    }
}
