//! The words that every part of the host shares. Names no other module.

mod cursor;
mod error;
mod json;
mod limits;
mod load;
pub mod names;
mod secret;
mod source;
mod spec;

pub use cursor::Cursor;
pub use error::{Category, SourceError};
pub use json::{is_json, json_field};
pub use limits::{Amount, Limit, Limits};
pub use load::{
    Deletes, LoadId, LoadRecord, Mode, Rejected, ResourceRecord, SchemaPolicy, Status, Write,
};
pub use secret::Secret;
pub use source::{
    Descriptor, Event, Finding, OriginRequest, PageKind, Progress, ReadOptions, Resource,
    ResourceKind, ResourceSummary, SecretRequest, Selection, Severity, Sibling, SourceSchema,
    Summary, Unread,
};
pub use spec::{
    AllowRule, Consistency, DestinationSpec, FileFormat, Mask, Nested, PipelineSpec, ResourceSpec,
};
