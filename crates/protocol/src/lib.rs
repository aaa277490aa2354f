//! The Kafka wire protocol as Highwater serves it: versions, framing, shapes and error codes.
//!
//! This crate is the only door to `kafka-protocol`: whoever needs a message takes it from here.
//! The codec trusts what it reads (it allocates as many elements as a request declares), so
//! nothing that came from outside reaches it before [`shape`] has compared every declared
//! count and length with the bytes that are there.

pub mod describe_log_dirs_response;
pub mod error_code;
pub mod fetch_response;
pub mod frame;
pub mod produce_response;
pub mod requests;
pub mod served;
pub mod shape;
mod wire;

pub use error_code::ErrorCode;
pub use frame::{
    EncodeError, FrameError, RequestHeader, check_frame_len, encode_request, encode_response,
    parse_request_header, parse_response_header,
};
pub use kafka_protocol::messages::{self, ApiKey};
pub use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Message, Request, StrBytes,
};
pub use requests::ServedRequest;
pub use served::{ApiRange, api_name, range, served};
pub use shape::consumer_protocol;
pub use shape::{DecodeError, ShapeError, check_request, decode_request, decode_response};
pub use uuid::Uuid;
