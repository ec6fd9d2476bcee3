//! Content codings of responses. A guest gets decoded bytes only, because the
//! host searches them.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::GzipDecoder;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::{Method, StatusCode};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};
use tokio_util::io::StreamReader;
use wasmtime_wasi_http::Error;

use super::errors::from_transport;
use crate::sandbox::text;

/// Bytes that are decoded at once.
const DECODED_BYTES: usize = 64 << 10;

/// Coding of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// The bytes as they are.
    Identity,
    /// Members of a gzip stream.
    Gzip,
}

/// Bytes of a body, decoded.
pub(super) enum DecodedBody {
    Identity(reqwest::Response),
    Gzip(Box<GzipBody>),
}

type BodyStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// Body in gzip.
pub(super) struct GzipBody {
    decoder: GzipDecoder<StreamReader<BodyStream, Bytes>>,
    /// False until the first byte.
    has_begun: bool,
}

impl Coding {
    /// Returns the coding of a response.
    ///
    /// # Errors
    /// The name of a coding that the host does not decode.
    pub(super) fn of_response(headers: &HeaderMap) -> Result<Self, String> {
        let transfer = names(headers, &TRANSFER_ENCODING);
        if let Some(name) = transfer.into_iter().find(|name| name != "chunked") {
            return Err(name);
        }
        match names(headers, &CONTENT_ENCODING).as_slice() {
            [] => Ok(Self::Identity),
            [name] if matches!(name.as_str(), "gzip" | "x-gzip") => Ok(Self::Gzip),
            names => Err(names.join(", ")),
        }
    }

    /// Removes the headers that describe the body before it was decoded.
    pub(super) fn remove_headers(self, headers: &mut HeaderMap) {
        headers.remove(CONTENT_ENCODING);
        if self == Self::Gzip {
            headers.remove(CONTENT_LENGTH);
        }
    }
}

impl DecodedBody {
    /// Creates the body of a response to a request with `method`.
    pub(super) fn new(response: reqwest::Response, coding: Coding, method: &Method) -> Self {
        let has_no_body = method == Method::HEAD
            || matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        if coding == Coding::Identity || has_no_body {
            return Self::Identity(response);
        }
        let stream: BodyStream = Box::pin(response.bytes_stream().map_err(io::Error::other));
        let mut decoder = GzipDecoder::new(StreamReader::new(stream));
        decoder.multiple_members(true);
        Self::Gzip(Box::new(GzipBody {
            decoder,
            has_begun: false,
        }))
    }

    /// Returns the next bytes, or `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Identity(response) => {
                let chunk = response.chunk().await;
                chunk.map_err(|error| from_transport(&error))
            }
            Self::Gzip(body) => body.next().await.map_err(|error| {
                let inner = error.get_ref();
                match inner.and_then(|inner| inner.downcast_ref::<reqwest::Error>()) {
                    Some(error) => from_transport(error),
                    None if error.kind() == io::ErrorKind::UnexpectedEof => {
                        Error::HttpResponseIncomplete
                    }
                    None => Error::HttpResponseContentCoding(None),
                }
            }),
        }
    }
}

impl GzipBody {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        // Servers send no bytes at all for an empty body.
        if !self.has_begun && self.decoder.get_mut().fill_buf().await?.is_empty() {
            return Ok(None);
        }
        self.has_begun = true;
        let mut bytes = BytesMut::with_capacity(DECODED_BYTES);
        let count = self.decoder.read_buf(&mut bytes).await?;
        Ok((count > 0).then(|| bytes.freeze()))
    }
}

/// Returns the names of the codings in a header, in lower case.
fn names(headers: &HeaderMap, header: &HeaderName) -> Vec<String> {
    let values = headers.get_all(header).iter();
    let values: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let names = values.iter().flat_map(|value| value.split(','));
    names
        .map(|name| text::bounded(name.trim()).to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "identity")
        .collect()
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    fn coding(values: &[&'static str]) -> Result<Coding, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        Coding::of_response(&headers)
    }

    #[test]
    fn gzip_is_decoded_in_any_spelling() {
        for values in [
            &["gzip"][..],
            &["GZIP"],
            &["x-gzip"],
            &["X-GZip "],
            &["identity, gzip"],
            &["identity", "gzip"],
            &[" gzip,"],
        ] {
            assert_eq!(coding(values), Ok(Coding::Gzip), "{values:?}");
        }
        for values in [&[][..], &["identity"], &["Identity"], &[""], &[","]] {
            assert_eq!(coding(values), Ok(Coding::Identity), "{values:?}");
        }
    }

    #[test]
    fn other_codings_are_refused_by_name() {
        for (values, name) in [
            (&["br"][..], "br"),
            (&["deflate"], "deflate"),
            (&["compress"], "compress"),
            (&["zstd"], "zstd"),
            (&["gzip, gzip"], "gzip, gzip"),
            (&["gzip", "x-gzip"], "gzip, x-gzip"),
            (&["gzip;q=1"], "gzip;q=1"),
        ] {
            assert_eq!(coding(values), Err(name.to_owned()), "{values:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("gzip, chunked"));
        assert_eq!(Coding::of_response(&headers), Err("gzip".to_owned()));
    }
}
