//! The types that all parts of the host share. Must not name other modules.

mod cursor;
mod destination_spec;
mod error;
mod json;
mod limits;
mod load;
pub mod names;
pub mod noun;
pub mod origin;
pub mod pattern;
mod remedy;
mod secret;
pub mod siblings;
pub(crate) mod source;
mod spec;

pub use cursor::{Cursor, CursorValue};
pub use destination_spec::{DestinationSpec, DuckDbSpec, FileFormat, FilesSpec};
pub(crate) use error::as_text;
pub use error::{ErrorCategory, SourceError};
pub use json::{is_json, json_field};
pub use limits::{Amount, Limit, Limits};
pub use load::{
    DeletionMode, LoadId, LoadRecord, LoadStatus, ReadMode, Rejected, ResourceRecord, SchemaPolicy,
    Verification, WriteDisposition,
};
pub use remedy::Remedy;
pub use secret::Secret;
pub use siblings::Sibling;
pub use source::{
    Descriptor, Finding, OriginRequest, Resource, ResourceKind, SecretRequest, Severity, UnreadPart,
};
pub(crate) use source::{
    Event, Figures, PageKind, Progress, ReadOptions, ResourceSummary, Selection, SourceSchema,
    StoredTable, Summary, TypeRule, TypeSubject,
};
pub use spec::{
    AllowRule, Consistency, Mask, NestedMode, PipelineSpec, PipelineSpecBuilder, ResourceDefaults,
    ResourceSpec,
};
