//! Queries of the config, as the server describes them.

use crate::config::Query;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::statement;
use crate::database::stream::Stream;
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::hrana::decoder::Encoding;
use crate::hrana::request::Request;
use crate::hrana::response::{Outcome, ResultColumn};
use crate::rows::columns::{ColumnSpec, Storage};

/// Name of the resource that stands for all queries of the config.
pub const QUERIES: &str = "db_pipeline";

/// Query of the config, with the columns of its result.
#[derive(Clone, Debug)]
pub struct DescribedQuery {
    /// Query of the config.
    pub query: Query,
    /// Columns of the result, or the reason why the query cannot run.
    pub columns: Result<Vec<ColumnSpec>>,
}

/// Asks the server for the columns of queries, without running them.
///
/// # Errors
/// A failure of the request. An invalid query is not an error of the request.
pub async fn describe(
    stream: &mut Stream,
    queries: &[Query],
) -> Result<Vec<DescribedQuery>, Failure> {
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let is_minimal = stream.dialect() == Dialect::Minimal;
    let requests: Vec<_> = queries
        .iter()
        .flat_map(|query| describe_requests(query, is_minimal))
        .collect();
    let (response, _) = stream.run(&requests).await?;
    let outcomes = response.outcomes.chunks_exact(2);
    let described = queries.iter().zip(outcomes);
    Ok(described
        .map(|(query, outcomes)| DescribedQuery {
            query: query.clone(),
            columns: result_columns(query, outcomes),
        })
        .collect())
}

/// Returns two requests: one for the query as written, which must not write, and
/// one for the query as it will be read. A server without
/// `describe` runs the query with a limit of zero rows.
fn describe_requests(query: &Query, is_minimal: bool) -> [Request; 2] {
    let select = |limit| statement::select_query(&query.sql, 0, Encoding::Plain, limit);
    if is_minimal {
        return [0; 2].map(|limit| Request::execute(select(Some(limit))));
    }
    let describe = |sql: &str| Request::Describe {
        sql: sql.to_owned(),
    };
    [describe(&query.sql), describe(&select(None).sql)]
}

fn result_columns(query: &Query, outcomes: &[Outcome]) -> Result<Vec<ColumnSpec>> {
    let subject = format!("the query `{}`", query.name);
    match outcomes {
        [
            Outcome::Described {
                is_readonly: false, ..
            },
            _,
        ] => Err(Error::config(
            format!("{subject} changes the database"),
            "use a query that only reads",
        )),
        [Outcome::Failed(error), _] | [_, Outcome::Failed(error)] => {
            Err(Error::from(failure::from_sql_error(error, &subject))
                .hint("write the query as a single SELECT"))
        }
        [_, Outcome::Described { columns, .. }] => Ok(specs(columns)),
        [_, Outcome::Executed(executed)] => Ok(specs(&executed.columns)),
        _ => Err(Error::new(
            Category::Protocol,
            format!("{subject}: the server did not describe it"),
        )),
    }
}

/// Returns the columns of a result under unique names, with the declared types
/// of their source columns.
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
        let declared = column.decltype.as_deref();
        specs.push(ColumnSpec {
            name,
            storage: declared.map_or(Storage::ByValue, Storage::from_declared),
            declared: declared.unwrap_or_default().to_owned(),
        });
    }
    specs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_query_get_unique_names() {
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
