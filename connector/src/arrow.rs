//! Arrow IPC messages, in which data crosses to the host. Must not change a
//! value.

use arrow_array::RecordBatch;
use arrow_ipc::writer::{
    DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
    write_message,
};
use arrow_schema::{ArrowError, Schema};

/// Encodes a schema message.
#[must_use]
pub fn schema(schema: &Schema) -> Vec<u8> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(false);
    let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
        schema,
        &mut tracker,
        &options,
    );
    // Writing to memory does not fail.
    message(encoded, &options).unwrap_or_default()
}

/// Encodes a record batch message.
pub fn batch(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let options = IpcWriteOptions::default();
    let mut tracker = DictionaryTracker::new(false);
    let (_, encoded) = IpcDataGenerator::default().encode(
        batch,
        &mut tracker,
        &options,
        &mut IpcWriteContext::default(),
    )?;
    message(encoded, &options)
}

fn message(encoded: EncodedData, options: &IpcWriteOptions) -> Result<Vec<u8>, ArrowError> {
    /// Bytes that a message adds to its parts: lengths and alignment.
    const FRAME_BYTES: usize = 128;
    let mut bytes =
        Vec::with_capacity(encoded.ipc_message.len() + encoded.arrow_data.len() + FRAME_BYTES);
    write_message(&mut bytes, encoded, options)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use arrow_buffer::Buffer;
    use arrow_ipc::reader::StreamDecoder;

    use super::*;

    #[test]
    fn a_stream_decoder_reads_the_messages() {
        let columns: [(&str, ArrayRef); 2] = [
            ("id", Arc::new(Int64Array::from(vec![Some(1), None]))),
            ("t", Arc::new(StringArray::from(vec![None, Some("ä\0")]))),
        ];
        let rows = RecordBatch::try_from_iter_with_nullable(
            columns.map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let mut decoder = StreamDecoder::new();
        assert!(
            decoder
                .decode(&mut Buffer::from_vec(schema(&rows.schema())))
                .unwrap()
                .is_none()
        );
        let read = decoder
            .decode(&mut Buffer::from_vec(batch(&rows).unwrap()))
            .unwrap()
            .unwrap();
        assert_eq!(read, rows);
    }
}
