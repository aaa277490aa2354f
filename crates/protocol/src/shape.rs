//! Nothing that a message declares is believed before it is compared with what is there.
//!
//! The codec reserves room for as many elements as an array declares, so a frame of a dozen
//! bytes could ask for gigabytes. Before a body is decoded, the walker here goes over it by
//! the schema of its API and version: each count must fit into the bytes that remain
//! if every element were as small as it can be, each string, byte field and tagged field must
//! end within the body, and all arrays together stay under [`REQUEST_ELEMENTS_MAX`]. It
//! allocates nothing, and record bytes are stepped over, not read.
//!
//! The same holds for what a client of this project reads from a broker, which it has no more
//! reason to trust.

pub mod consumer_protocol;
mod notation;
mod repair;
mod responses;
mod schema;
mod walk;

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use bytes::{Buf, Bytes};
use highwater_types::limits::REQUEST_ELEMENTS_MAX;
use kafka_protocol::messages::ApiKey;
use kafka_protocol::protocol::Decodable;

use crate::requests::ServedRequest;
use crate::served::codec_response_version;
use notation::Program;
use schema::Schema;

/// What is wrong with the body of a request or response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The API is not served, or no response of it is ever read.
    #[error("API {api_key} is not known here")]
    NotServed {
        /// The number of the API.
        api_key: i16,
    },
    /// The API is known, but not in this version.
    #[error("{} is not known in version {api_version}", crate::api_name(*.api_key))]
    UnsupportedVersion {
        /// The number of the API.
        api_key: i16,
        /// The version asked for.
        api_version: i16,
    },
    /// The body ends before a field does.
    #[error("{field} needs {needed} bytes where {remaining} remain")]
    Truncated {
        /// The field, as Kafka's schema names it.
        field: &'static str,
        /// The bytes that it declares or must have.
        needed: usize,
        /// The bytes that are left.
        remaining: usize,
    },
    /// A length or count is below what stands for null.
    #[error("{field} declares the length {len}")]
    NegativeLength {
        /// The field, as Kafka's schema names it.
        field: &'static str,
        /// The length as declared.
        len: i64,
    },
    /// A field is null that must not be.
    #[error("{field} is null")]
    Null {
        /// The field, as Kafka's schema names it.
        field: &'static str,
    },
    /// A string is longer than any string may be.
    #[error("{field} is a string of {len} bytes")]
    StringTooLong {
        /// The field, as Kafka's schema names it.
        field: &'static str,
        /// The length as declared.
        len: usize,
    },
    /// An array declares more elements than the remaining bytes could hold.
    #[error("{field} declares {count} elements where {remaining} bytes remain")]
    ArrayTooLong {
        /// The field, as Kafka's schema names it.
        field: &'static str,
        /// The elements declared.
        count: usize,
        /// The bytes that are left.
        remaining: usize,
    },
    /// All arrays together have more elements than a message may carry.
    #[error("{field} has more elements than one message may carry")]
    TooManyElements {
        /// The field, as Kafka's schema names it.
        field: &'static str,
    },
    /// A number of variable length does not end within its five bytes.
    #[error("the length of {field} is malformed")]
    Varint {
        /// The field, as Kafka's schema names it.
        field: &'static str,
    },
    /// The byte that says whether a structure is there says neither.
    #[error("{field} is marked as neither present nor null")]
    Presence {
        /// The field, as Kafka's schema names it.
        field: &'static str,
    },
    /// A tagged field does not fill the bytes that it declares.
    #[error("the tagged field {field} is {extra} bytes shorter than it declares")]
    TagSize {
        /// The field, as Kafka's schema names it.
        field: &'static str,
        /// The bytes left over.
        extra: usize,
    },
}

/// Why the body of a request or response cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The caller asked for the request of another API: a fault of the broker.
    #[error("a request for API {api_key} is to be decoded as one for API {expected}")]
    WrongType {
        /// The API of the request.
        api_key: i16,
        /// The API of the type asked for.
        expected: i16,
    },
    /// The walker refused it.
    #[error("malformed {} v{api_version}: {source}", crate::api_name(*.api_key))]
    Shape {
        /// The number of the API.
        api_key: i16,
        /// The version of the body.
        api_version: i16,
        /// What is wrong.
        source: ShapeError,
    },
    /// The codec refused it.
    #[error("undecodable {} v{api_version}: {source}", crate::api_name(*.api_key))]
    Codec {
        /// The number of the API.
        api_key: i16,
        /// The version of the body.
        api_version: i16,
        /// What the codec objected to.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Most array elements and tagged fields that one response may carry: many times what the
/// metadata of the largest cluster takes.
const RESPONSE_ELEMENTS_MAX: usize = 20_000_000;

/// The programs of one API, one for each version from `version_min` on.
struct Api {
    version_min: i16,
    programs: Vec<Program>,
}

/// The programs of all APIs, by key. They are compiled once, on first use: the notation is for
/// people, the programs are for speed.
type Apis = Vec<Option<Api>>;

static REQUESTS: LazyLock<Apis> = LazyLock::new(|| {
    compile(schema::REQUESTS, |api_key| {
        crate::range(api_key).map(|range| range.decodable_min..=range.max)
    })
});

static RESPONSES: LazyLock<Apis> = LazyLock::new(|| {
    compile(responses::RESPONSES, |api_key| {
        let versions = ApiKey::try_from(api_key).ok()?.valid_versions();
        Some(versions.min..=versions.max)
    })
});

/// An API whose notation is wrong is left out, so its messages are refused; tests see to it
/// that there is none.
fn compile(
    schemas: &'static [Schema],
    versions_of: impl Fn(i16) -> Option<RangeInclusive<i16>>,
) -> Apis {
    let mut apis = Apis::new();
    for schema in schemas {
        let Some(versions) = versions_of(schema.api_key) else {
            continue;
        };
        let version_min = *versions.start();
        let programs: Option<_> = versions.map(|v| notation::compile(schema, v)).collect();
        let Ok(index) = usize::try_from(schema.api_key) else {
            continue;
        };
        if apis.len() <= index {
            apis.resize_with(index + 1, || None);
        }
        apis[index] = programs.map(|programs| Api {
            version_min,
            programs,
        });
    }
    apis
}

fn program(
    apis: &'static Apis,
    api_key: i16,
    api_version: i16,
) -> Result<&'static Program, ShapeError> {
    let api = usize::try_from(api_key)
        .ok()
        .and_then(|index| apis.get(index)?.as_ref())
        .ok_or(ShapeError::NotServed { api_key })?;
    usize::try_from(i32::from(api_version) - i32::from(api.version_min))
        .ok()
        .and_then(|index| api.programs.get(index))
        .ok_or(ShapeError::UnsupportedVersion {
            api_key,
            api_version,
        })
}

/// Checks every declared count and length of a request's body.
///
/// What remains behind the last field is ignored, as Kafka ignores it.
pub fn check_request(api_key: i16, api_version: i16, body: &[u8]) -> Result<(), ShapeError> {
    measure_request(api_key, api_version, body).map(|_| ())
}

/// Checks like [`check_request`], and returns how many bytes the request takes of `body`.
pub fn measure_request(api_key: i16, api_version: i16, body: &[u8]) -> Result<usize, ShapeError> {
    let program = program(&REQUESTS, api_key, api_version)?;
    walk::measure(program, body, REQUEST_ELEMENTS_MAX)
}

/// Checks the body of a request, then decodes it. Byte fields share the memory of `body`, unless
/// a string had to be replaced that is not UTF-8.
///
/// What remains behind the last field is dropped, as Kafka drops it.
pub fn decode_request<M: ServedRequest>(
    api_key: i16,
    api_version: i16,
    body: &mut Bytes,
) -> Result<M, DecodeError> {
    if api_key != M::KEY {
        return Err(DecodeError::WrongType {
            api_key,
            expected: M::KEY,
        });
    }
    check_request(api_key, api_version, body).map_err(|source| DecodeError::Shape {
        api_key,
        api_version,
        source,
    })?;
    let decoded = M::decode_checked(&mut body.clone(), api_version);
    let decoded = decoded.or_else(|source| match replaced(api_key, api_version, body) {
        Some(replaced) => M::decode_checked(&mut Bytes::from(replaced), api_version),
        None => Err(source),
    });
    let message = decoded.map_err(|source| DecodeError::Codec {
        api_key,
        api_version,
        source,
    })?;
    body.advance(body.len());
    Ok(message)
}

fn replaced(api_key: i16, api_version: i16, body: &[u8]) -> Option<Vec<u8>> {
    let program = program(&REQUESTS, api_key, api_version).ok()?;
    repair::with_replacements(program, body, REQUEST_ELEMENTS_MAX)
}

/// Checks every declared count and length of a response's body, and returns how many bytes the
/// response takes of it.
pub fn measure_response(api_key: i16, api_version: i16, body: &[u8]) -> Result<usize, ShapeError> {
    let version = codec_response_version(api_key, api_version);
    let program = program(&RESPONSES, api_key, version)?;
    walk::measure(program, body, RESPONSE_ELEMENTS_MAX)
}

/// Checks the body of a response, then decodes it; what remains behind the last field is left
/// in `body`. Byte fields share its memory.
///
/// `M` has to be the response of the API.
pub fn decode_response<M: Decodable>(
    api_key: i16,
    api_version: i16,
    body: &mut Bytes,
) -> Result<M, DecodeError> {
    measure_response(api_key, api_version, body).map_err(|source| DecodeError::Shape {
        api_key,
        api_version,
        source,
    })?;
    let version = codec_response_version(api_key, api_version);
    M::decode(body, version).map_err(|error| DecodeError::Codec {
        api_key,
        api_version,
        source: error.into(),
    })
}

#[cfg(test)]
mod tests;
