//! Reading fields from bytes that nobody vouches for, and writing them.

use std::sync::Arc;

use highwater_types::{BrokerId, TopicId};

use super::DecodeError;
use crate::BrokerList;
use crate::limits::{BROKERS_MAX, NAME_LEN_MAX};

/// Takes fields off the front of a slice.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or(DecodeError::Short(field))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or(DecodeError::Short(field))?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(super) fn i8(&mut self, field: &'static str) -> Result<i8, DecodeError> {
        self.array(field).map(i8::from_be_bytes)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn i16(&mut self, field: &'static str) -> Result<i16, DecodeError> {
        self.array(field).map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self, field: &'static str) -> Result<i64, DecodeError> {
        self.array(field).map(i64::from_be_bytes)
    }

    pub(super) fn f64(&mut self, field: &'static str) -> Result<f64, DecodeError> {
        let value = self.array(field).map(f64::from_be_bytes)?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(DecodeError::Invalid {
            field,
            reason: format!("{value} is not a finite number"),
        })
    }

    pub(super) fn id(&mut self, field: &'static str) -> Result<[u8; 16], DecodeError> {
        self.array(field)
    }

    pub(super) fn topic_id(&mut self) -> Result<TopicId, DecodeError> {
        self.id("topic id").map(TopicId)
    }

    pub(super) fn broker(&mut self) -> Result<BrokerId, DecodeError> {
        self.i32("broker").map(BrokerId)
    }

    fn varint(&mut self, field: &'static str) -> Result<usize, DecodeError> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8(field)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value)
                    .map(|value| value as usize)
                    .map_err(|_| DecodeError::Invalid {
                        field,
                        reason: "its length overflows".to_owned(),
                    });
            }
        }
        Err(DecodeError::Invalid {
            field,
            reason: "its length has too many bytes".to_owned(),
        })
    }

    /// A count of elements, each of which takes at least `least` bytes.
    pub(super) fn count(
        &mut self,
        field: &'static str,
        max: usize,
        least: usize,
    ) -> Result<usize, DecodeError> {
        let len = self.varint(field)?;
        if len > max {
            return Err(DecodeError::TooLong { field, len, max });
        }
        if len.saturating_mul(least) > self.remaining() {
            return Err(DecodeError::Short(field));
        }
        Ok(len)
    }

    pub(super) fn text(&mut self, field: &'static str, max: usize) -> Result<&'a str, DecodeError> {
        let len = self.count(field, max, 1)?;
        let bytes = self.take(len, field)?;
        std::str::from_utf8(bytes).map_err(|error| DecodeError::Invalid {
            field,
            reason: error.to_string(),
        })
    }

    pub(super) fn name(&mut self, field: &'static str) -> Result<Arc<str>, DecodeError> {
        self.text(field, NAME_LEN_MAX).map(Arc::from)
    }

    pub(super) fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            other => Err(DecodeError::Invalid {
                field,
                reason: format!("presence byte {other}"),
            }),
        }
    }

    pub(super) fn list<T>(
        &mut self,
        field: &'static str,
        max: usize,
        least: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let count = self.count(field, max, least)?;
        (0..count).map(|_| read(self)).collect()
    }

    pub(super) fn brokers(&mut self, field: &'static str) -> Result<BrokerList, DecodeError> {
        let count = self.count(field, BROKERS_MAX, 4)?;
        (0..count).map(|_| self.broker()).collect()
    }
}

/// Appends fields to a buffer.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn i16(&mut self, value: i16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn i32(&mut self, value: i32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn count(&mut self, len: usize) -> &mut Self {
        let mut rest = len;
        while rest >= 0x80 {
            self.u8((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.u8(rest as u8)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len()).bytes(text.as_bytes())
    }

    pub(super) fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match value {
            None => self.u8(0),
            Some(value) => write(self.u8(1), value),
        }
    }

    pub(super) fn brokers(&mut self, brokers: &[BrokerId]) -> &mut Self {
        self.count(brokers.len());
        for broker in brokers {
            self.i32(broker.get());
        }
        self
    }
}
