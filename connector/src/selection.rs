//! What a read is asked for, and within which bounds.

use crate::error::{Error, Result};
use crate::hrana::wanted::Wanted;
use crate::read::position::Position;

/// One resource that was asked for.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own, as the contract has it"
)]
pub struct Selection {
    /// Its name.
    pub resource: String,
    /// How much of it.
    pub mode: Mode,
    /// Its columns; all, if empty.
    pub columns: Vec<String>,
    /// Types in place of those that columns would get.
    pub types: Vec<TypeOverride>,
    /// Whether columns that are declared to hold JSON are wanted as that.
    pub nested: bool,
    /// A condition on its rows.
    pub filter: Option<String>,
    /// Its key, where the database does not say.
    pub primary_key: Vec<String>,
    /// The column that an incremental read goes by.
    pub cursor_column: Option<String>,
    /// How far it goes back.
    pub lag: Option<f64>,
    /// Where it goes on.
    pub cursor: Option<Position>,
    /// Whether the host had no position to go on from.
    pub is_first: bool,
    /// The most rows that the server may bill.
    pub max_rows_billed: Option<u64>,
    /// Whether a row that is sent again replaces its older self.
    pub idempotent: bool,
    /// Whether the keys of all rows are wanted as well.
    pub keys: bool,
}

/// How much of a resource is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All of it.
    #[default]
    Full,
    /// What has come since the last time.
    Incremental,
    /// What the feed of changes has recorded since the last time.
    Changes,
}

/// A type that the operator wants for a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeOverride {
    /// The column.
    pub column: String,
    /// The type.
    pub requested: Wanted,
}

impl TypeOverride {
    /// The type of a name, for a column.
    pub fn parse(column: String, type_name: &str) -> Result<Self> {
        match Wanted::named(type_name) {
            Some(wanted) => Ok(Self {
                column,
                requested: wanted,
            }),
            None => Err(Error::config(
                format!("`types` wants \"{type_name}\" for `{column}`, which is no known type"),
                format!("there are {}", Wanted::NAMES),
            )),
        }
    }
}

/// Bounds of a read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The most rows of a page.
    pub page_rows: u64,
    /// The most rows of each resource.
    pub row_limit: Option<u64>,
    /// Whether pages need not be of one point in time.
    pub resumable: bool,
    /// Whether tables that are not there are left out: not every database of
    /// many has them.
    pub lenient: bool,
}
