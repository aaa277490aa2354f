//! Fields of Kafka's flexible encoding, from bytes that nobody vouches for.

use highwater_types::{BrokerId, TopicId};

use super::record::KafkaDecodeError;

/// Takes fields off the front of a slice.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn take(
        &mut self,
        len: usize,
        field: &'static str,
    ) -> Result<&'a [u8], KafkaDecodeError> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(len)
            .ok_or(KafkaDecodeError::Short(field))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], KafkaDecodeError> {
        let (taken, rest) = self
            .bytes
            .split_first_chunk()
            .ok_or(KafkaDecodeError::Short(field))?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn i8(&mut self, field: &'static str) -> Result<i8, KafkaDecodeError> {
        self.array(field).map(i8::from_be_bytes)
    }

    pub(super) fn bool(&mut self, field: &'static str) -> Result<bool, KafkaDecodeError> {
        self.i8(field).map(|byte| byte != 0)
    }

    pub(super) fn i16(&mut self, field: &'static str) -> Result<i16, KafkaDecodeError> {
        self.array(field).map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self, field: &'static str) -> Result<i32, KafkaDecodeError> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self, field: &'static str) -> Result<i64, KafkaDecodeError> {
        self.array(field).map(i64::from_be_bytes)
    }

    pub(super) fn f64(&mut self, field: &'static str) -> Result<f64, KafkaDecodeError> {
        self.array(field).map(f64::from_be_bytes)
    }

    pub(super) fn topic_id(&mut self) -> Result<TopicId, KafkaDecodeError> {
        self.array("topic id").map(TopicId)
    }

    /// An unsigned varint of at most 32 bits.
    pub(super) fn varint(&mut self, field: &'static str) -> Result<u32, KafkaDecodeError> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array(field)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).map_err(|_| KafkaDecodeError::Invalid(field));
            }
        }
        Err(KafkaDecodeError::Invalid(field))
    }

    /// A compact string; `None` is null.
    pub(super) fn nullable_text(
        &mut self,
        field: &'static str,
    ) -> Result<Option<&'a str>, KafkaDecodeError> {
        let Some(len) = self.varint(field)?.checked_sub(1) else {
            return Ok(None);
        };
        let bytes = self.take(len as usize, field)?;
        let text = std::str::from_utf8(bytes).map_err(|_| KafkaDecodeError::Invalid(field))?;
        Ok(Some(text))
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, KafkaDecodeError> {
        self.nullable_text(field)?
            .ok_or(KafkaDecodeError::Invalid(field))
    }

    /// The length of a compact array whose elements take at least `least` bytes; `None` is null.
    pub(super) fn nullable_count(
        &mut self,
        field: &'static str,
        least: usize,
    ) -> Result<Option<usize>, KafkaDecodeError> {
        let Some(count) = self.varint(field)?.checked_sub(1) else {
            return Ok(None);
        };
        let count = count as usize;
        if count.saturating_mul(least) > self.bytes.len() {
            return Err(KafkaDecodeError::Short(field));
        }
        Ok(Some(count))
    }

    pub(super) fn count(
        &mut self,
        field: &'static str,
        least: usize,
    ) -> Result<usize, KafkaDecodeError> {
        self.nullable_count(field, least)?
            .ok_or(KafkaDecodeError::Invalid(field))
    }

    pub(super) fn nullable_brokers(
        &mut self,
        field: &'static str,
    ) -> Result<Option<Vec<BrokerId>>, KafkaDecodeError> {
        let Some(count) = self.nullable_count(field, 4)? else {
            return Ok(None);
        };
        let brokers = (0..count).map(|_| self.i32(field).map(BrokerId));
        brokers.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn brokers(
        &mut self,
        field: &'static str,
    ) -> Result<Vec<BrokerId>, KafkaDecodeError> {
        self.nullable_brokers(field)?
            .ok_or(KafkaDecodeError::Invalid(field))
    }

    /// Gives every tagged field to `read`, which may leave it alone.
    pub(super) fn tagged(
        &mut self,
        mut read: impl FnMut(u32, &mut Reader<'a>) -> Result<(), KafkaDecodeError>,
    ) -> Result<(), KafkaDecodeError> {
        for _ in 0..self.varint("tagged fields")? {
            let tag = self.varint("tag")?;
            let len = self.varint("tagged field")?;
            let mut field = Reader::new(self.take(len as usize, "tagged field")?);
            read(tag, &mut field)?;
        }
        Ok(())
    }

    /// Passes over all tagged fields; nothing may follow them.
    pub(super) fn end(&mut self) -> Result<(), KafkaDecodeError> {
        self.tagged(|_, _| Ok(()))?;
        self.nothing_left()
    }

    pub(super) fn nothing_left(&self) -> Result<(), KafkaDecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            rest => Err(KafkaDecodeError::TrailingBytes(rest)),
        }
    }
}
