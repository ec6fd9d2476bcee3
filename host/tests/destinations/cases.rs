//! What every destination promises, a case for each promise.

mod loads;
mod merges;
mod names;
mod rows;
mod values;

use arrow_array::RecordBatch;

pub(crate) use self::loads::*;
pub(crate) use self::merges::*;
pub(crate) use self::names::*;
pub(crate) use self::rows::*;
pub(crate) use self::values::*;
use crate::store::{batch, integers};
use crate::value::Value;

fn numbers(values: &[i64]) -> Vec<Value> {
    values.iter().copied().map(Value::Integer).collect()
}

fn ids(load: u64, values: &[i64]) -> RecordBatch {
    batch(load, vec![("id", integers(values))])
}
