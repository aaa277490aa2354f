//! Kafka's primitive encodings, read with every length checked before it is believed.

use bytes::{BufMut, Bytes, BytesMut};

/// Why bytes are not the record they claim to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end too early.
    #[error("{field} ends after {left} of {needed} bytes")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// How many bytes it needs at least.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// A length or count below zero where nothing may be absent.
    #[error("{field} has the length {length}")]
    NegativeLength {
        /// What was being read.
        field: &'static str,
        /// The length.
        length: i64,
    },
    /// A variable-length integer that does not end.
    #[error("the length of {field} has more than five bytes")]
    Varint {
        /// What was being read.
        field: &'static str,
    },
    /// Text that is not UTF-8.
    #[error("{field} is not UTF-8")]
    NotText {
        /// What was being read.
        field: &'static str,
    },
    /// A topic name that cannot be one.
    #[error("{0}")]
    Topic(#[from] highwater_types::NameError),
    /// A state that is not known.
    #[error("there is no state with the code {code}")]
    State {
        /// Its code.
        code: i8,
    },
    /// A version of a value that is not known.
    #[error("the value has the unknown version {version}")]
    Version {
        /// The version.
        version: i16,
    },
}

/// Whether lengths are fixed integers, or variable ones as since the first flexible version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lengths {
    Fixed,
    Compact,
}

/// Reads forward through a record.
pub(crate) struct Reader<'a> {
    left: &'a [u8],
    lengths: Lengths,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            left: bytes,
            lengths: Lengths::Fixed,
        }
    }

    /// The lengths that follow are of this kind.
    pub(crate) fn set_lengths(&mut self, lengths: Lengths) {
        self.lengths = lengths;
    }

    fn take(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], Malformed> {
        match self.left.split_at_checked(length) {
            Some((taken, left)) => {
                self.left = left;
                Ok(taken)
            }
            None => Err(Malformed::Truncated {
                field,
                needed: length,
                left: self.left.len(),
            }),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(field, N)?);
        Ok(array)
    }

    pub(crate) fn i8(&mut self, field: &'static str) -> Result<i8, Malformed> {
        self.array(field).map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self, field: &'static str) -> Result<i16, Malformed> {
        self.array(field).map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32, Malformed> {
        self.array(field).map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, Malformed> {
        self.array(field).map(i64::from_be_bytes)
    }

    fn varint(&mut self, field: &'static str) -> Result<u32, Malformed> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array(field)?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Varint { field })
    }

    fn length(&mut self, field: &'static str, wide: Wide) -> Result<Option<usize>, Malformed> {
        let length = match (self.lengths, wide) {
            (Lengths::Compact, _) => i64::from(self.varint(field)?) - 1,
            (Lengths::Fixed, Wide::Array) => i64::from(self.i32(field)?),
            (Lengths::Fixed, Wide::Text) => i64::from(self.i16(field)?),
        };
        match length {
            -1 => Ok(None),
            length => usize::try_from(length)
                .map(Some)
                .map_err(|_| Malformed::NegativeLength { field, length }),
        }
    }

    pub(crate) fn string(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        let length = self.length(field, Wide::Text)?;
        let length = length.ok_or(Malformed::NegativeLength { field, length: -1 })?;
        let bytes = self.take(field, length)?;
        std::str::from_utf8(bytes).map_err(|_| Malformed::NotText { field })
    }

    /// The count of an array whose elements take at least `element_bytes_min` each; a count that
    /// cannot be true is an error before anything is done for it.
    pub(crate) fn nullable_count(
        &mut self,
        field: &'static str,
        element_bytes_min: usize,
    ) -> Result<Option<usize>, Malformed> {
        let Some(count) = self.length(field, Wide::Array)? else {
            return Ok(None);
        };
        let needed = count.saturating_mul(element_bytes_min);
        if needed > self.left.len() {
            return Err(Malformed::Truncated {
                field,
                needed,
                left: self.left.len(),
            });
        }
        Ok(Some(count))
    }

    /// The tagged fields at the end of a flexible structure, each handed to `visit`; fixed
    /// structures have none.
    pub(crate) fn tagged_fields(
        &mut self,
        mut visit: impl FnMut(u32, &'a [u8]) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.lengths == Lengths::Fixed {
            return Ok(());
        }
        for _ in 0..self.varint("tagged fields")? {
            let tag = self.varint("tag")?;
            let length = self.varint("tagged field")? as usize;
            visit(tag, self.take("tagged field", length)?)?;
        }
        Ok(())
    }
}

/// What a fixed length is counted in: 32 bits for arrays, 16 bits for texts.
#[derive(Clone, Copy)]
enum Wide {
    Array,
    Text,
}

/// Writes a record. Texts are bounded where they enter the machine; one that is too long all the
/// same is cut at a character rather than written with a length that is not its own.
pub(crate) struct Writer {
    bytes: BytesMut,
    lengths: Lengths,
}

impl Writer {
    pub(crate) fn new(version: i16, lengths: Lengths) -> Self {
        let mut writer = Self {
            bytes: BytesMut::new(),
            lengths,
        };
        writer.i16(version);
        writer
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.bytes.put_i8(value);
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes.put_i64(value);
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    pub(crate) fn string(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(i16::MAX as usize)];
        match self.lengths {
            Lengths::Fixed => self.i16(text.len() as i16),
            Lengths::Compact => self.varint(text.len() as u32 + 1),
        }
        self.bytes.put_slice(text.as_bytes());
    }

    pub(crate) fn count(&mut self, count: usize) {
        match self.lengths {
            Lengths::Fixed => self.i32(count as i32),
            Lengths::Compact => self.varint(count as u32 + 1),
        }
    }

    /// In place of an array that is absent.
    pub(crate) fn no_array(&mut self) {
        match self.lengths {
            Lengths::Fixed => self.i32(-1),
            Lengths::Compact => self.varint(0),
        }
    }

    /// The tagged fields at the end of a flexible structure.
    pub(crate) fn tagged_fields(&mut self, fields: &[(u32, &[u8])]) {
        if self.lengths == Lengths::Fixed {
            return;
        }
        self.varint(fields.len() as u32);
        for (tag, field) in fields {
            self.varint(*tag);
            self.varint(field.len() as u32);
            self.bytes.put_slice(field);
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        self.bytes.freeze()
    }
}
