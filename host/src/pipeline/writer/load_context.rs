//! The parts of a load that all of its tables use. Holds no code.

use std::collections::BTreeMap;

use crate::destination::Load;
use crate::pipeline::observer::Observer;
use crate::pipeline::plan::ResourcePlan;

/// The parts of a load that all of its tables share.
pub(super) struct LoadContext<'c, 'l> {
    pub(super) load: &'c mut (dyn Load + 'l),
    pub(super) observer: &'c dyn Observer,
    /// Plans of the resources in the pipeline's spec.
    pub(super) plans: &'c BTreeMap<String, ResourcePlan>,
    /// Resource of each open table, by the name of the table.
    pub(super) parents: &'c mut BTreeMap<String, String>,
}
