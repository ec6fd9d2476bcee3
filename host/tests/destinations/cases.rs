//! Promises of every destination, with a case for each.

mod deletes;
mod groups;
mod isolation;
mod json;
mod keyed;
mod loads;
mod merges;
mod names;
mod newest;
mod rewrites;
mod rows;
mod shadows;
mod siblings;
mod unread;
mod values;
mod versions;

use arrow_array::RecordBatch;

pub(crate) use self::deletes::*;
pub(crate) use self::groups::*;
pub(crate) use self::isolation::*;
pub(crate) use self::json::*;
pub(crate) use self::loads::*;
pub(crate) use self::merges::*;
pub(crate) use self::names::*;
pub(crate) use self::newest::*;
pub(crate) use self::rewrites::*;
pub(crate) use self::rows::*;
pub(crate) use self::shadows::*;
pub(crate) use self::siblings::*;
pub(crate) use self::unread::*;
pub(crate) use self::values::*;
pub(crate) use self::versions::*;
use crate::store::{batch, integers};
use crate::value::Value;

pub(crate) fn numbers(values: &[i64]) -> Vec<Value> {
    values.iter().copied().map(Value::Integer).collect()
}

pub(crate) fn ids(load: u64, values: &[i64]) -> RecordBatch {
    batch(load, vec![("id", integers(values))])
}
