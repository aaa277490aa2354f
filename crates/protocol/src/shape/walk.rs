//! The walker: runs a program over a body and believes nothing.

use super::ShapeError;
use super::notation::{Nullable, Prefix, Program, Step, Tag};

/// Walks over the whole structure and returns how many bytes it takes.
pub(super) fn measure(
    program: &Program,
    body: &[u8],
    elements_max: usize,
) -> Result<usize, ShapeError> {
    let mut walker = Walker::new(body, elements_max);
    walker.run(program)?;
    Ok(body.len() - walker.rest.len())
}

pub(super) struct Walker<'a> {
    pub(super) rest: &'a [u8],
    /// Array elements and tagged fields that may still come, at every depth.
    elements_left: usize,
}

impl<'a> Walker<'a> {
    pub(super) fn new(body: &'a [u8], elements_max: usize) -> Self {
        Self {
            rest: body,
            elements_left: elements_max,
        }
    }

    /// Recursion is as deep as the schema is, whatever the body says.
    fn run(&mut self, program: &Program) -> Result<(), ShapeError> {
        for step in &program.steps {
            match step {
                Step::Fixed { field, bytes } => self.skip(field, *bytes)?,
                Step::Text {
                    field,
                    prefix,
                    nullable,
                } => {
                    let len = self.length(field, *prefix, *nullable)?;
                    if len > i16::MAX as usize {
                        return Err(ShapeError::StringTooLong { field, len });
                    }
                    self.skip(field, len)?;
                }
                Step::Blob {
                    field,
                    prefix,
                    nullable,
                } => {
                    let len = self.length(field, *prefix, *nullable)?;
                    self.skip(field, len)?;
                }
                Step::Array {
                    field,
                    prefix,
                    nullable,
                    element,
                } => {
                    let count = self.length(field, *prefix, *nullable)?;
                    self.array(field, count, element)?;
                }
                Step::Optional { field, body } => match self.byte(field)? {
                    1 => self.run(body)?,
                    0xff => {}
                    _ => return Err(ShapeError::Presence { field }),
                },
                Step::Tags(known) => self.tags(known)?,
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        field: &'static str,
        count: usize,
        element: &Program,
    ) -> Result<(), ShapeError> {
        let remaining = self.rest.len();
        // An element of no bytes would let any count pass; no schema has one, and none may.
        if count > remaining / element.bytes_min.max(1) {
            return Err(ShapeError::ArrayTooLong {
                field,
                count,
                remaining,
            });
        }
        self.count(field, count)?;
        if let Some(bytes) = element.fixed_bytes() {
            return self.skip(field, count * bytes);
        }
        for _ in 0..count {
            self.run(element)?;
        }
        Ok(())
    }

    fn tags(&mut self, known: &[Tag]) -> Result<(), ShapeError> {
        const FIELD: &str = "tagged fields";
        let count = self.varint(FIELD)? as usize;
        if count == 0 {
            return Ok(());
        }
        let remaining = self.rest.len();
        if count > remaining / 2 {
            return Err(ShapeError::ArrayTooLong {
                field: FIELD,
                count,
                remaining,
            });
        }
        self.count(FIELD, count)?;
        for _ in 0..count {
            let tag = self.varint(FIELD)?;
            let len = self.varint(FIELD)? as usize;
            match known.iter().find(|candidate| candidate.tag == tag) {
                Some(known) => self.known_tag(known, len)?,
                None => self.skip(FIELD, len)?,
            }
        }
        Ok(())
    }

    /// The codec reads a known field without regard to the size that was declared for it, so
    /// the two must agree or the rest of the structure would be read askew.
    fn known_tag(&mut self, known: &Tag, len: usize) -> Result<(), ShapeError> {
        let remaining = self.rest.len();
        let Some((value, rest)) = self.rest.split_at_checked(len) else {
            return Err(ShapeError::Truncated {
                field: known.field,
                needed: len,
                remaining,
            });
        };
        self.rest = value;
        self.run(&known.value)?;
        let extra = self.rest.len();
        if extra != 0 {
            return Err(ShapeError::TagSize {
                field: known.field,
                extra,
            });
        }
        self.rest = rest;
        Ok(())
    }

    fn count(&mut self, field: &'static str, elements: usize) -> Result<(), ShapeError> {
        let left = self.elements_left.checked_sub(elements);
        self.elements_left = left.ok_or(ShapeError::TooManyElements { field })?;
        Ok(())
    }

    /// A length or count; null where it is allowed has the length 0.
    pub(super) fn length(
        &mut self,
        field: &'static str,
        prefix: Prefix,
        nullable: Nullable,
    ) -> Result<usize, ShapeError> {
        let len = match prefix {
            Prefix::I16 => i64::from(i16::from_be_bytes(self.take(field)?)),
            Prefix::I32 => i64::from(i32::from_be_bytes(self.take(field)?)),
            Prefix::Compact => i64::from(self.varint(field)?) - 1,
        };
        match usize::try_from(len) {
            Ok(len) => Ok(len),
            Err(_) if len < -1 => Err(ShapeError::NegativeLength { field, len }),
            Err(_) if nullable == Nullable::No => Err(ShapeError::Null { field }),
            Err(_) => Ok(0),
        }
    }

    pub(super) fn varint(&mut self, field: &'static str) -> Result<u32, ShapeError> {
        let first = self.byte(field)?;
        if first < 0x80 {
            return Ok(u32::from(first));
        }
        let mut value = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.byte(field)?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(ShapeError::Varint { field })
    }

    pub(super) fn byte(&mut self, field: &'static str) -> Result<u8, ShapeError> {
        let [byte] = self.take(field)?;
        Ok(byte)
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ShapeError> {
        let remaining = self.rest.len();
        let Some((bytes, rest)) = self.rest.split_first_chunk() else {
            return Err(ShapeError::Truncated {
                field,
                needed: N,
                remaining,
            });
        };
        self.rest = rest;
        Ok(*bytes)
    }

    pub(super) fn skip(&mut self, field: &'static str, bytes: usize) -> Result<(), ShapeError> {
        let remaining = self.rest.len();
        let Some(rest) = self.rest.get(bytes..) else {
            return Err(ShapeError::Truncated {
                field,
                needed: bytes,
                remaining,
            });
        };
        self.rest = rest;
        Ok(())
    }
}
