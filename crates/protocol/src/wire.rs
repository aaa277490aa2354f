//! The primitives of the wire that the codec keeps to itself.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use highwater_types::{BrokerId, LeaderEpoch};
use kafka_protocol::protocol::StrBytes;

use crate::frame::{EncodeError, FRAME_LEN_BYTES};

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// There are too few.
    #[error("the bytes end within a field")]
    Truncated,
    /// A number of variable length has no end.
    #[error("a number of variable length does not end within five bytes")]
    Varint,
}

impl From<bytes::TryGetError> for ReadError {
    fn from(_: bytes::TryGetError) -> Self {
        Self::Truncated
    }
}

/// Reads an unsigned number of one to five bytes.
pub(crate) fn read_unsigned_varint(bytes: &mut Bytes) -> Result<u32, ReadError> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = bytes.try_get_u8()?;
        if shift == 28 && byte > 0x0f {
            break;
        }
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ReadError::Varint)
}

/// Cuts off the first bytes without copying them.
pub(crate) fn read_bytes(bytes: &mut Bytes, len: usize) -> Result<Bytes, ReadError> {
    if bytes.len() < len {
        return Err(ReadError::Truncated);
    }
    Ok(bytes.split_to(len))
}

/// Steps over tagged fields, none of which is known.
pub(crate) fn skip_tagged_fields(bytes: &mut Bytes) -> Result<(), ReadError> {
    for _ in 0..read_unsigned_varint(bytes)? {
        read_unsigned_varint(bytes)?;
        let len = read_unsigned_varint(bytes)? as usize;
        read_bytes(bytes, len)?;
    }
    Ok(())
}

/// Writes an unsigned number in as few bytes as it takes.
pub(crate) fn put_unsigned_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// A leader and the epoch it leads in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// The broker.
    pub leader_id: BrokerId,
    /// The epoch.
    pub leader_epoch: LeaderEpoch,
}

/// Where a broker is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: BrokerId,
    /// Its host.
    pub host: StrBytes,
    /// Its port.
    pub port: i32,
    /// Its rack, if it has one.
    pub rack: Option<StrBytes>,
}

/// A response frame that is written by hand.
pub(crate) struct ResponseWriter<'a> {
    pub(crate) out: &'a mut BytesMut,
    /// Where the frame starts in `out`.
    start: usize,
    api_key: i16,
    pub(crate) api_version: i16,
    /// Whether lengths are compact and structures end with tagged fields.
    pub(crate) flexible: bool,
}

impl<'a> ResponseWriter<'a> {
    /// Writes the header behind what `out` holds already.
    pub(crate) fn new(
        out: &'a mut BytesMut,
        api: (i16, i16),
        flexible_min: i16,
        correlation_id: i32,
    ) -> Self {
        let (api_key, api_version) = api;
        let flexible = api_version >= flexible_min;
        let start = out.len();
        out.put_i32(0);
        out.put_i32(correlation_id);
        if flexible {
            out.put_u8(0);
        }
        Self {
            out,
            start,
            api_key,
            api_version,
            flexible,
        }
    }

    /// A count of elements or a length in bytes.
    pub(crate) fn count(&mut self, count: usize) -> Result<(), EncodeError> {
        let Ok(declared) = i32::try_from(count) else {
            return Err(self.too_long(count));
        };
        if self.flexible {
            put_unsigned_varint(self.out, declared.unsigned_abs() + 1);
        } else {
            self.out.put_i32(declared);
        }
        Ok(())
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        let Ok(len) = i16::try_from(text.len()) else {
            return Err(self.failure("a string is longer than 32767 bytes"));
        };
        if self.flexible {
            put_unsigned_varint(self.out, u32::from(len.unsigned_abs()) + 1);
        } else {
            self.out.put_i16(len);
        }
        self.out.put_slice(text.as_bytes());
        Ok(())
    }

    pub(crate) fn nullable_text(&mut self, text: Option<&str>) -> Result<(), EncodeError> {
        match text {
            Some(text) => return self.text(text),
            None if self.flexible => self.out.put_u8(0),
            None => self.out.put_i16(-1),
        }
        Ok(())
    }

    /// Ends a structure that has no tagged field.
    pub(crate) fn no_tags(&mut self) {
        if self.flexible {
            self.out.put_u8(0);
        }
    }

    /// Ends a response with the tagged field 0, which says where brokers are found; with none,
    /// if there is nothing to say.
    pub(crate) fn node_endpoints(&mut self, endpoints: &[NodeEndpoint]) -> Result<(), EncodeError> {
        if endpoints.is_empty() {
            self.no_tags();
            return Ok(());
        }
        let start = self.out.len();
        self.count(endpoints.len())?;
        for endpoint in endpoints {
            self.out.put_i32(endpoint.node_id.get());
            self.text(&endpoint.host)?;
            self.out.put_i32(endpoint.port);
            self.nullable_text(endpoint.rack.as_deref())?;
            self.no_tags();
        }
        // The size goes before the content and is itself of variable length.
        let content = self.out.split_off(start);
        self.out.put_slice(&[1, 0]);
        put_unsigned_varint(self.out, content.len() as u32);
        self.out.put_slice(&content);
        Ok(())
    }

    /// Writes the length of the frame, of which `elsewhere` bytes are not in this buffer.
    pub(crate) fn finish(self, elsewhere: usize) -> Result<(), EncodeError> {
        let len = self.out.len() - self.start - FRAME_LEN_BYTES + elsewhere;
        let Ok(declared) = i32::try_from(len) else {
            return Err(self.too_long(len));
        };
        let length = self.start..self.start + FRAME_LEN_BYTES;
        self.out[length].copy_from_slice(&declared.to_be_bytes());
        Ok(())
    }

    pub(crate) fn failure(&self, reason: &'static str) -> EncodeError {
        EncodeError::Message {
            api_key: self.api_key,
            api_version: self.api_version,
            source: reason.into(),
        }
    }

    fn too_long(&self, len: usize) -> EncodeError {
        EncodeError::TooLong {
            api_key: self.api_key,
            api_version: self.api_version,
            len,
        }
    }
}

/// Writes the tagged field of a partition that says who leads it instead.
pub(crate) fn put_current_leader(out: &mut BytesMut, tag: u8, leader: LeaderIdAndEpoch) {
    out.put_slice(&[tag, 9]);
    out.put_i32(leader.leader_id.get());
    out.put_i32(leader.leader_epoch.get());
    out.put_u8(0);
}
