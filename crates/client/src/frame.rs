//! Requests as frames, and frames as responses.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use highwater_protocol::messages::RequestHeader;
use highwater_protocol::{Encodable, StrBytes, parse_response_header};

use crate::{Api, ClientError};

/// The length prefix of a frame.
pub(crate) const LENGTH_BYTES: usize = 4;

/// Encodes a whole frame, length included.
pub(crate) fn encode_request<R: Api>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Bytes, ClientError> {
    let header_version = R::KEY.request_header_version(version);
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let unencodable = |reason: String| ClientError::Unencodable {
        what: R::NAME,
        reason,
    };
    let size = |bytes: usize| {
        i32::try_from(bytes).map_err(|_| unencodable(format!("{bytes} bytes do not fit a frame")))
    };
    let header_bytes = header
        .compute_size(header_version)
        .map_err(|e| unencodable(e.to_string()))?;
    let body_bytes = request
        .compute_size(version)
        .map_err(|e| unencodable(e.to_string()))?;
    let frame_bytes = header_bytes + body_bytes;
    let mut frame = BytesMut::with_capacity(LENGTH_BYTES + frame_bytes);
    frame.put_i32(size(frame_bytes)?);
    header
        .encode(&mut frame, header_version)
        .map_err(|e| unencodable(e.to_string()))?;
    request
        .encode(&mut frame, version)
        .map_err(|e| unencodable(e.to_string()))?;
    Ok(frame.freeze())
}

/// Decodes a frame without its length. Every count and length that the broker declares is
/// compared with the bytes that are there before anything is allocated for it. Bytes that are
/// left over are an error: they mean that the two sides disagree about the version.
pub(crate) fn decode_response<R: Api>(
    mut frame: Bytes,
    version: i16,
) -> Result<R::Response, ClientError> {
    let malformed = |reason: String| ClientError::Malformed {
        what: R::NAME,
        reason,
    };
    let key = R::KEY as i16;
    parse_response_header(key, version, &mut frame).map_err(|e| malformed(e.to_string()))?;
    let response = highwater_protocol::decode_response(key, version, &mut frame)
        .map_err(|e| malformed(e.to_string()))?;
    if frame.has_remaining() {
        return Err(malformed(format!("{} bytes too many", frame.remaining())));
    }
    Ok(response)
}

/// The correlation id that every response starts with.
pub(crate) fn correlation_id(frame: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(*frame.first_chunk()?))
}
