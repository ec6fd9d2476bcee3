//! The counts of the connector, the host and a real destination.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;

use super::*;
use crate::destination::{BuiltInDestination, DestinationFactory as _};
use crate::model::{FileFormat, FilesSpec, Mask, Rejected, ResourceSpec, ResourceSummary, Summary};
use crate::pipeline::plan;

/// Creates the summary of the connector.
fn done(rows: u64, rejected: u64) -> Event {
    Event::Done(Summary {
        resources: vec![ResourceSummary {
            resource: "t".to_owned(),
            rows,
            rejected,
            mismatches: 0,
            rows_billed: None,
            requests: 1,
            failure: None,
            unread: None,
            part_failures: Vec::new(),
            cursor: None,
            figures: None,
            notes: Vec::new(),
        }],
        requests: 1,
        point_in_time: true,
    })
}

fn three_rows() -> [RawEvent; 2] {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let schema = stream.get_ref().clone();
    stream.write(&batch).unwrap();
    let page = stream.get_ref()[schema.len()..].to_vec();
    [RawEvent::schema("t", schema), RawEvent::page("t", 3, page)]
}

/// Loads events into a folder.
fn load(
    folder: &Path,
    events: impl IntoIterator<Item = RawEvent>,
) -> Result<Option<RunResult>, PipelineError> {
    load_as(folder, &[], events)
}

/// Loads events of a pipeline with these resources.
fn load_as(
    folder: &Path,
    resources: &[ResourceSpec],
    events: impl IntoIterator<Item = RawEvent>,
) -> Result<Option<RunResult>, PipelineError> {
    load_observed(folder, resources, events, &())
}

fn load_observed(
    folder: &Path,
    resources: &[ResourceSpec],
    events: impl IntoIterator<Item = RawEvent>,
    observer: &dyn Observer,
) -> Result<Option<RunResult>, PipelineError> {
    let spec = FilesSpec::new(folder.display().to_string(), "d").with_format(FileFormat::Jsonl);
    let mut destination = BuiltInDestination::new(spec.into()).open().unwrap();
    let (sender, receiver) = mpsc::channel(16);
    for event in events {
        sender.try_send(event).unwrap();
    }
    drop(sender);
    let header = RunHeader {
        load_id: LoadId::from_time(SystemTime::now()),
        pipeline: "p".to_owned(),
        connector_name: "c".to_owned(),
        connector_version: "1".to_owned(),
        connector_sha256: String::new(),
        started: SystemTime::now(),
        plans: plan::plans(resources)?,
        verify: Verification::Off,
        other_pipelines: BTreeMap::new(),
        failed: BTreeMap::new(),
        commit_every: None,
        only_validates: false,
    };
    write(
        destination.as_mut(),
        &header,
        &Limits::default(),
        receiver,
        observer,
    )
}

fn manifests(folder: &Path) -> usize {
    let loads = folder.join("d/_loads");
    std::fs::read_dir(loads).map_or(0, Iterator::count)
}

#[test]
fn counts_that_agree_are_committed() {
    let folder = tempfile::tempdir().unwrap();
    let events = three_rows()
        .into_iter()
        .chain([RawEvent::other(done(3, 0))]);
    let written = load(folder.path(), events).unwrap().unwrap();
    assert_eq!(written.resources[0].rows_written, 3);
    assert_eq!(manifests(folder.path()), 1);
}

/// Records updates as text.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Observer for Recorder {
    fn update(&self, update: Update<'_>) {
        self.0.lock().unwrap().push(format!("{update:?}"));
    }
}

#[test]
fn the_progress_of_the_connector_is_observed() {
    let folder = tempfile::tempdir().unwrap();
    let progress = RawEvent::other(Event::Progress(Progress {
        resource: Some("t".to_owned()),
        rows: 0,
        estimated_rows: Some(30),
        waiting: Some("a rate limit".to_owned()),
    }));
    let [schema, page] = three_rows();
    let events = [schema, progress, page, RawEvent::other(done(3, 0))];
    let recorder = Recorder::default();
    load_observed(folder.path(), &[], events, &recorder).unwrap();
    assert_eq!(
        *recorder.0.lock().unwrap(),
        [
            r#"Opened { resource: "t" }"#,
            r#"Waiting { reason: "a rate limit" }"#,
            r#"Expected { resource: "t", rows: 30 }"#,
            r#"Rows { resource: "t", rows: 3 }"#,
            "Committing",
        ]
    );
}

#[test]
fn counts_that_differ_are_not_committed() {
    for (rows, rejected) in [(2, 0), (4, 0), (3, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let end = [RawEvent::other(done(rows, rejected))];
        let error = load(folder.path(), three_rows().into_iter().chain(end)).err();
        let error = error.unwrap();
        assert!(error.to_string().contains("`t`"), "{error}");
        assert_eq!(manifests(folder.path()), 0, "{rows} {rejected}");
    }
}

#[test]
fn a_resource_without_a_schema_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path(), [RawEvent::other(done(0, 0))]).is_err());
    assert_eq!(manifests(folder.path()), 0);
}

#[test]
fn a_read_that_ends_early_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path(), three_rows()).unwrap().is_none());
    assert_eq!(manifests(folder.path()), 0);
}

#[test]
fn rejected_records_are_counted_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rejected = RawEvent::other(Event::Rejected(Rejected {
        resource: "t".to_owned(),
        record: "{}".to_owned(),
        reason: "no".to_owned(),
    }));
    let events = three_rows()
        .into_iter()
        .chain([rejected, RawEvent::other(done(3, 1))]);
    let written = load(folder.path(), events).unwrap().unwrap();
    assert_eq!(written.resources[0].rows_rejected, 1);
    assert!(folder.path().join("d/_rejected").is_dir());
}

fn masking(name: &str, column: &str, mask: Mask) -> ResourceSpec {
    ResourceSpec {
        name: name.to_owned(),
        mask: BTreeMap::from([(column.to_owned(), mask)]),
        ..ResourceSpec::default()
    }
}

/// Returns the text of all files.
fn written(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap();
    let texts = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            written(&path)
        } else {
            std::fs::read_to_string(path).unwrap()
        }
    });
    texts.collect()
}

fn names() -> [RawEvent; 2] {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["bob@x.org", "eve@x.org"]));
    let batch = RecordBatch::try_from_iter([("email", names)]).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let schema = stream.get_ref().clone();
    stream.write(&batch).unwrap();
    let page = stream.get_ref()[schema.len()..].to_vec();
    [RawEvent::schema("t", schema), RawEvent::page("t", 2, page)]
}

#[test]
fn masked_values_are_not_written() {
    let rejected = || {
        RawEvent::other(Event::Rejected(Rejected {
            resource: "t".to_owned(),
            record: r#"{"email":"bob@x.org"}"#.to_owned(),
            reason: "bob@x.org".to_owned(),
        }))
    };
    for mask in [Mask::Sha256, Mask::Null, Mask::Partial] {
        let folder = tempfile::tempdir().unwrap();
        let events = names()
            .into_iter()
            .chain([rejected(), RawEvent::other(done(2, 1))]);
        load_as(folder.path(), &[masking("t", "EMAIL", mask)], events).unwrap();
        let written = written(folder.path());
        assert!(!written.contains("bob@"), "{mask:?}: {written}");
        assert!(written.contains("_load_id"));
    }
}

#[test]
fn a_mask_applies_in_any_letter_case_of_the_resource() {
    let folder = tempfile::tempdir().unwrap();
    let events = names().into_iter().chain([RawEvent::other(done(2, 0))]);
    let resource = masking("T", "email", Mask::Null);
    load_as(folder.path(), &[resource], events).unwrap();
    let written = written(folder.path());
    assert!(
        written.contains("_load_id") && !written.contains('@'),
        "{written}"
    );
}

#[test]
fn an_invalid_mask_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let events = names().into_iter().chain([RawEvent::other(done(2, 0))]);
    let resource = masking("t", "emails", Mask::Null);
    let error = load_as(folder.path(), &[resource], events).err().unwrap();
    assert!(
        matches!(error, PipelineError::NothingRead { .. }),
        "{error}"
    );
    assert_eq!(manifests(folder.path()), 0);
}
