//! The sandbox without a pipeline, for tests, benchmarks and fuzzing.
//!
//! Attack tests instantiate a connector with [`Grants`] and call it as a pipeline
//! does. Fuzz targets call the parsers of untrusted input. Nothing here is stable.

pub use crate::destination::testing::files_in_objects;
pub use crate::model::source::{
    Event, PageKind, Progress, ReadOptions, ResourceSummary, Selection, SourceSchema, Summary,
};
pub use crate::sandbox::egress::EgressStats;
pub use crate::sandbox::egress::address::special;
pub use crate::sandbox::egress::rule::{Allowance, Origin, Rule, Rules};
pub use crate::sandbox::pages::{EventDecoder, RawEvent};
pub use crate::sandbox::{Grants, Instance, Reader};
