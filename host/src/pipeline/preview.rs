//! The first rows of one resource. Writes nothing.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::pretty::pretty_format_batches_with_schema;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;

use super::Pipeline;
use super::error::PipelineError;
use super::row_mapper::{self, Masking, add_missing_columns};
use crate::destination;
use crate::model::{Event, Limit, Progress, ReadOptions, Selection};
use crate::sandbox::SandboxError;
use crate::sandbox::pages::EventDecoder;

/// The first rows of a resource.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Columns of the resource.
    pub schema: SchemaRef,
    /// Rows, with all columns of `schema`.
    pub batches: Vec<RecordBatch>,
}

impl Preview {
    /// Formats the rows as a JSON array of objects, with values as in JSON Lines
    /// files.
    pub fn to_json(&self) -> Result<String, ArrowError> {
        destination::json_array(&self.batches)
    }

    /// Formats the rows as a table of text, with times as in CSV files.
    pub fn to_text(&self) -> Result<String, ArrowError> {
        let fields = self.schema.fields().iter().map(|field| {
            if is_time(field.data_type()) {
                Arc::new(Field::new(field.name(), DataType::Utf8, true))
            } else {
                Arc::clone(field)
            }
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batches = self.batches.iter().map(|batch| {
            let columns = batch.columns().iter().map(formatted_times);
            RecordBatch::try_new(Arc::clone(&schema), columns.collect())
        });
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        Ok(pretty_format_batches_with_schema(schema, &batches)?.to_string())
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond, _))
}

/// Formats a column of times. Other columns stay the same. Arrow's formatter
/// knows no names of time zones.
fn formatted_times(column: &ArrayRef) -> ArrayRef {
    let DataType::Timestamp(TimeUnit::Microsecond, zone) = column.data_type() else {
        return Arc::clone(column);
    };
    let times = column.as_primitive::<TimestampMicrosecondType>();
    let text = |time| destination::time_text(time, zone.is_some());
    let texts = times.iter().map(|time| time.map(text));
    Arc::new(texts.collect::<StringArray>())
}

impl Pipeline {
    /// Reads at most `limit` rows of a resource.
    pub async fn preview(&self, resource: &str, limit: u64) -> Result<Preview, PipelineError> {
        let expanded = self.expanded(&[resource.to_owned()]).await?;
        let pipeline = expanded.as_ref().unwrap_or(self);
        pipeline
            .within_runtime(pipeline.first_rows(resource, limit))
            .await
    }

    async fn first_rows(&self, resource: &str, limit: u64) -> Result<Preview, PipelineError> {
        self.validate_source(resource).await?;
        let mut instance = self.connector.instantiate(self.grants()).await?;
        self.describe(&mut instance).await?;
        let mut specs = self.spec.resources.iter();
        let spec = specs.find(|spec| spec.name == resource);
        // A full read in any mode, because there is no cursor.
        let selection = Selection {
            resource: resource.to_owned(),
            columns: spec.map(|spec| spec.columns.clone()).unwrap_or_default(),
            types: spec.map(|spec| spec.types.clone()).unwrap_or_default(),
            filter: spec.and_then(|spec| spec.filter.clone()),
            ..Selection::default()
        };
        let options = ReadOptions {
            page_rows: u32::try_from(limit).ok(),
            page_bytes: Some(self.spec.limits.page),
            row_limit: Some(limit),
            types: self.type_rules(),
            ..ReadOptions::default()
        };
        let reader = instance.read(&self.config, &[selection], &options).await?;
        let mut decoder = EventDecoder::new(self.spec.limits.clone());
        let (mut masking, mut batches): (Option<Masking>, Vec<RecordBatch>) = (None, Vec::new());
        let mut first: Option<String> = None;
        let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut bytes = 0;
        while let Some(event) = instance.next(reader).await? {
            match decoder.decode(event)? {
                Event::Schema {
                    resource: name,
                    kind,
                    schema,
                } => {
                    if *first.get_or_insert_with(|| name.clone()) != name {
                        return Err(PipelineError::settings(
                            format!("`{resource}` selects several resources"),
                            format!("preview one of them, such as `{name}`"),
                        ));
                    }
                    // Masks apply to the resource that was sent, which may have
                    // another name than the requested one.
                    let own = self.spec.resources.iter();
                    let own = own
                        .filter(|spec| spec.name.eq_ignore_ascii_case(&name))
                        .map(|spec| &spec.mask)
                        .find(|masks| !masks.is_empty());
                    if own.is_none() && spec.is_some_and(|spec| !spec.mask.is_empty()) {
                        return Err(row_mapper::unselected(&name));
                    }
                    let masks = own.cloned().unwrap_or_default();
                    masking = Some(Masking::new(&masks, &name, &schema, kind)?);
                }
                Event::Page { batch, .. } => {
                    // The decoder refuses a page before its schema.
                    let Some(masking) = &masking else {
                        continue;
                    };
                    // A connector may send more rows than requested.
                    let rows = batch.num_rows().min(left);
                    left -= rows;
                    if rows > 0 {
                        // A copy, because a slice keeps the memory of the page.
                        let slice = batch.slice(0, rows);
                        let copy = concat_batches(&batch.schema(), [&slice])
                            .and_then(|rows| masking.apply(&rows))
                            .map_err(|error| SandboxError::Contract(error.to_string()))?;
                        bytes += copy.get_array_memory_size() as u64;
                        if bytes > self.spec.limits.page {
                            return Err(SandboxError::Limit(Limit::Page).into());
                        }
                        batches.push(copy);
                    }
                }
                Event::Progress(progress) => log_wait(&progress),
                Event::Restarted(_) => {
                    batches.clear();
                    bytes = 0;
                    left = usize::try_from(limit).unwrap_or(usize::MAX);
                }
                Event::Done(summary) => {
                    let failure = summary
                        .resources
                        .into_iter()
                        .find_map(|resource| resource.failure);
                    if let Some(error) = failure {
                        return Err(SandboxError::Source(error).into());
                    }
                }
                Event::Rejected(_) => {}
            }
        }
        if let Err(error) = instance.close(reader).await {
            tracing::debug!(%error, "the connector could not close its read");
        }
        let schema = masking
            .map(|masking| SchemaRef::clone(masking.schema()))
            .ok_or_else(|| SandboxError::Contract("the read ended without a schema".to_owned()))?;
        let batches = batches
            .iter()
            .map(|batch| add_missing_columns(batch, &schema));
        let batches = batches
            .collect::<Result<_, _>>()
            .map_err(|error| SandboxError::Contract(error.to_string()))?;
        Ok(Preview { schema, batches })
    }
}

/// Logs what the connector waits for, because a preview shows no progress.
fn log_wait(progress: &Progress) {
    if let Some(reason) = &progress.waiting {
        tracing::warn!(reason, "waiting");
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::TimestampMicrosecondArray;

    use super::*;

    #[test]
    fn times_with_any_zone_are_shown_in_utc() {
        let times = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_000_001), None]);
        let zones = [None, Some("UTC"), Some("Europe/Zurich"), Some("+02:00")];
        let columns = zones.iter().enumerate().map(|(index, zone)| {
            let column: ArrayRef = Arc::new(times.clone().with_timezone_opt(*zone));
            (format!("c{index}"), column)
        });
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let preview = Preview {
            schema: batch.schema(),
            batches: vec![batch],
        };
        let text = preview.to_text().unwrap();
        let utc = text.matches("2023-11-14T22:13:20.000001Z").count();
        assert_eq!(utc, 3, "{text}");
        assert!(text.contains("| 2023-11-14T22:13:20.000001 "), "{text}");
    }
}
