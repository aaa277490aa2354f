//! Frames: the four bytes of length, the headers, and what is wrong with them.
//!
//! Request headers are read by hand. They are read before anything is known of the sender,
//! they decide what happens to the connection, and the broker must be able to name the API and
//! version that it refuses, which the codec cannot.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::{Encodable, StrBytes};

use crate::served;
use crate::wire::{self, ReadError};

/// The bytes of the length that goes before every frame.
pub const FRAME_LEN_BYTES: usize = 4;

/// The smallest frame that can hold a request header: key, version and correlation id.
const REQUEST_HEADER_BYTES_MIN: usize = 8;

/// What goes before the body of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API that is called, which Kafka knows but this broker need not serve.
    pub api_key: i16,
    /// The version of the body, not yet compared with what is served.
    pub api_version: i16,
    /// What the response must carry for the client to match it.
    pub correlation_id: i32,
    /// What the client calls itself. Bytes that are not UTF-8 have been replaced, since a name
    /// that is only logged is no reason to refuse a request.
    pub client_id: Option<StrBytes>,
}

/// Why a frame cannot be understood. The connection it came on cannot be used any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The declared length is negative or too small for a header.
    #[error("a frame declares {len} bytes, which cannot hold a request")]
    TooSmall {
        /// The length as declared.
        len: i32,
    },
    /// The declared length exceeds `socket.request.max.bytes`.
    #[error("a frame declares {len} bytes, more than the {max} allowed")]
    TooLarge {
        /// The length as declared.
        len: i32,
        /// The longest that is allowed.
        max: usize,
    },
    /// The frame ends inside its header.
    #[error("a frame ends within its header")]
    Truncated,
    /// Kafka has no API of this number, so even the shape of the header is unknown.
    #[error("a request is for the unknown API {api_key} in version {api_version}")]
    UnknownApi {
        /// The number of the API.
        api_key: i16,
        /// The version asked for.
        api_version: i16,
    },
    /// A length in the header is negative or malformed.
    #[error("the {field} of a header is malformed")]
    Malformed {
        /// What could not be read.
        field: &'static str,
    },
}

impl From<ReadError> for FrameError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Truncated => Self::Truncated,
            ReadError::Varint => Self::Malformed {
                field: "tagged fields",
            },
        }
    }
}

/// Why a message could not be written. Each is a fault of the caller, not of the peer.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Kafka has no API of this number.
    #[error("there is no API {api_key}")]
    UnknownApi {
        /// The number of the API.
        api_key: i16,
    },
    /// A field holds what this version of the message cannot carry.
    #[error("{} v{api_version} cannot be encoded: {source}", crate::api_name(*.api_key))]
    Message {
        /// The number of the API.
        api_key: i16,
        /// The version of the message.
        api_version: i16,
        /// What the codec objected to.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The frame would be longer than its length field can say.
    #[error("{} v{api_version} of {len} bytes exceeds the longest frame", crate::api_name(*.api_key))]
    TooLong {
        /// The number of the API.
        api_key: i16,
        /// The version of the message.
        api_version: i16,
        /// The bytes of the frame.
        len: usize,
    },
}

/// Checks the declared length of a frame, before anything is reserved for it, and returns it.
pub fn check_frame_len(len: i32, max: usize) -> Result<usize, FrameError> {
    match usize::try_from(len) {
        Ok(bytes) if bytes > max => Err(FrameError::TooLarge { len, max }),
        Ok(bytes) if bytes >= REQUEST_HEADER_BYTES_MIN => Ok(bytes),
        _ => Err(FrameError::TooSmall { len }),
    }
}

/// Reads the header of a request and leaves the body in `frame`.
///
/// The frame is what follows the four bytes of length. Any API that Kafka has is accepted here
/// in any version, so that the caller can say what it refuses and can answer an ApiVersions
/// request from the future.
pub fn parse_request_header(frame: &mut Bytes) -> Result<RequestHeader, FrameError> {
    if frame.len() < REQUEST_HEADER_BYTES_MIN {
        return Err(FrameError::Truncated);
    }
    let api_key = frame.get_i16();
    let api_version = frame.get_i16();
    let correlation_id = frame.get_i32();
    let Ok(api) = ApiKey::try_from(api_key) else {
        return Err(FrameError::UnknownApi {
            api_key,
            api_version,
        });
    };
    let client_id = read_client_id(frame)?;
    if api.request_header_version(api_version) >= 2 {
        wire::skip_tagged_fields(frame)?;
    }
    Ok(RequestHeader {
        api_key,
        api_version,
        correlation_id,
        client_id,
    })
}

/// Reads the header of a response to a request of this API and version, returns the
/// correlation id, and leaves the body in `frame`.
pub fn parse_response_header(
    api_key: i16,
    api_version: i16,
    frame: &mut Bytes,
) -> Result<i32, FrameError> {
    let Ok(api) = ApiKey::try_from(api_key) else {
        return Err(FrameError::UnknownApi {
            api_key,
            api_version,
        });
    };
    let correlation_id = frame.try_get_i32().map_err(|_| FrameError::Truncated)?;
    if api.response_header_version(api_version) >= 1 {
        wire::skip_tagged_fields(frame)?;
    }
    Ok(correlation_id)
}

/// Appends a whole response frame: length, the header that fits the version, and the body.
/// On an error the buffer is as it was.
pub fn encode_response<M: Encodable>(
    api_key: i16,
    api_version: i16,
    correlation_id: i32,
    body: &M,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let api = ApiKey::try_from(api_key).map_err(|()| EncodeError::UnknownApi { api_key })?;
    let codec_version = served::codec_response_version(api_key, api_version);
    encode_frame((api_key, api_version), codec_version, body, out, |out| {
        out.put_i32(correlation_id);
        if api.response_header_version(api_version) >= 1 {
            out.put_u8(0);
        }
    })
}

/// Appends a whole request frame: length, the header that fits the version, and the body.
/// On an error the buffer is as it was.
///
/// A client id longer than a string may be (32,767 bytes) is sent as none.
pub fn encode_request<M: Encodable>(
    api_key: i16,
    api_version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &M,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    let api = ApiKey::try_from(api_key).map_err(|()| EncodeError::UnknownApi { api_key })?;
    let codec_version = served::codec_request_version(api_key, api_version);
    encode_frame((api_key, api_version), codec_version, body, out, |out| {
        out.put_i16(api_key);
        out.put_i16(api_version);
        out.put_i32(correlation_id);
        match client_id.and_then(|id| Some((id, i16::try_from(id.len()).ok()?))) {
            Some((id, len)) => {
                out.put_i16(len);
                out.put_slice(id.as_bytes());
            }
            None => out.put_i16(-1),
        }
        if api.request_header_version(api_version) >= 2 {
            out.put_u8(0);
        }
    })
}

fn encode_frame<M: Encodable>(
    (api_key, api_version): (i16, i16),
    codec_version: i16,
    body: &M,
    out: &mut BytesMut,
    header: impl FnOnce(&mut BytesMut),
) -> Result<(), EncodeError> {
    let start = out.len();
    out.put_i32(0);
    header(out);
    if let Err(source) = body.encode(out, codec_version) {
        out.truncate(start);
        return Err(EncodeError::Message {
            api_key,
            api_version,
            source: source.into(),
        });
    }
    let len = out.len() - start - FRAME_LEN_BYTES;
    let Ok(declared) = i32::try_from(len) else {
        out.truncate(start);
        return Err(EncodeError::TooLong {
            api_key,
            api_version,
            len,
        });
    };
    out[start..start + FRAME_LEN_BYTES].copy_from_slice(&declared.to_be_bytes());
    Ok(())
}

fn read_client_id(frame: &mut Bytes) -> Result<Option<StrBytes>, FrameError> {
    let len = frame.try_get_i16().map_err(|_| FrameError::Truncated)?;
    if len == -1 {
        return Ok(None);
    }
    let len = usize::try_from(len).map_err(|_| FrameError::Malformed { field: "client id" })?;
    let raw = wire::read_bytes(frame, len)?;
    let text = StrBytes::from_utf8(raw.clone())
        .unwrap_or_else(|_| StrBytes::from_string(String::from_utf8_lossy(&raw).into_owned()));
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
