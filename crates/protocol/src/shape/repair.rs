//! Strings that are not UTF-8, made so.
//!
//! Kafka reads every string with replacement: bytes that mean nothing become U+FFFD, and the
//! request goes on under a name that, most of the time, nobody has. The codec refuses such a
//! body as a whole, which would cost the sender its connection without a word. What is rare is
//! done after the fact: a body that the codec has refused is written again with what is wrong
//! replaced, by the same programs that check it.

use super::ShapeError;
use super::notation::{Prefix, Program, Step, Tag};
use super::walk::Walker;

/// Most bytes by which replacement may make a body longer. A name is short; a body that is full
/// of nonsense is not worth its memory three times over.
const GROWTH_BYTES_MAX: usize = 64 * 1024;

/// The body of a request with what is not UTF-8 replaced; `None` if that is not what is wrong
/// with it, or if there is too much of it.
pub(super) fn with_replacements(
    program: &Program,
    body: &[u8],
    elements_max: usize,
) -> Option<Vec<u8>> {
    let mut repairer = Repairer {
        walker: Walker::new(body, elements_max),
        out: Vec::with_capacity(body.len()),
        growth_left: GROWTH_BYTES_MAX,
        replaced: false,
    };
    repairer.run(program).ok()?;
    repairer.replaced.then_some(repairer.out)
}

struct Repairer<'a> {
    walker: Walker<'a>,
    out: Vec<u8>,
    growth_left: usize,
    replaced: bool,
}

impl<'a> Repairer<'a> {
    /// Runs a piece of the walk and returns the bytes that it went over.
    fn over<T>(
        &mut self,
        walk: impl FnOnce(&mut Walker<'a>) -> Result<T, ShapeError>,
    ) -> Result<(T, &'a [u8]), ShapeError> {
        let before = self.walker.rest;
        let value = walk(&mut self.walker)?;
        let taken = before.len() - self.walker.rest.len();
        Ok((value, before.get(..taken).unwrap_or_default()))
    }

    /// The same, and keeps the bytes.
    fn copy<T>(
        &mut self,
        walk: impl FnOnce(&mut Walker<'a>) -> Result<T, ShapeError>,
    ) -> Result<T, ShapeError> {
        let (value, bytes) = self.over(walk)?;
        self.out.extend_from_slice(bytes);
        Ok(value)
    }

    fn run(&mut self, program: &Program) -> Result<(), ShapeError> {
        for step in &program.steps {
            match step {
                Step::Fixed { field, bytes } => self.copy(|w| w.skip(field, *bytes))?,
                Step::Text {
                    field,
                    prefix,
                    nullable,
                } => {
                    let (len, declared) = self.over(|w| w.length(field, *prefix, *nullable))?;
                    self.text(field, *prefix, declared, len)?;
                }
                Step::Blob {
                    field,
                    prefix,
                    nullable,
                } => self.copy(|w| {
                    let len = w.length(field, *prefix, *nullable)?;
                    w.skip(field, len)
                })?,
                Step::Array {
                    field,
                    prefix,
                    nullable,
                    element,
                } => {
                    let count = self.copy(|w| w.length(field, *prefix, *nullable))?;
                    match element.fixed_bytes() {
                        Some(bytes) => {
                            self.copy(|w| w.skip(field, count.saturating_mul(bytes)))?;
                        }
                        None => (0..count).try_for_each(|_| self.run(element))?,
                    }
                }
                Step::Optional { field, body } => {
                    if self.copy(|w| w.byte(field))? == 1 {
                        self.run(body)?;
                    }
                }
                Step::Tags(known) => self.tags(known)?,
            }
        }
        Ok(())
    }

    fn text(
        &mut self,
        field: &'static str,
        prefix: Prefix,
        declared: &[u8],
        len: usize,
    ) -> Result<(), ShapeError> {
        let ((), bytes) = self.over(|w| w.skip(field, len))?;
        if std::str::from_utf8(bytes).is_ok() {
            self.out.extend_from_slice(declared);
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        let text = String::from_utf8_lossy(bytes);
        let too_long = ShapeError::StringTooLong {
            field,
            len: text.len(),
        };
        let growth = text.len().saturating_sub(len);
        if text.len() > i16::MAX as usize || growth > self.growth_left {
            return Err(too_long);
        }
        self.growth_left -= growth;
        self.replaced = true;
        self.put_length(prefix, text.len());
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn tags(&mut self, known: &[Tag]) -> Result<(), ShapeError> {
        const FIELD: &str = "tagged fields";
        let count = self.copy(|w| w.varint(FIELD))?;
        for _ in 0..count {
            let tag = self.copy(|w| w.varint(FIELD))?;
            let (len, declared) = self.over(|w| w.varint(FIELD))?;
            let known = known.iter().find(|candidate| candidate.tag == tag);
            let Some(known) = known else {
                self.out.extend_from_slice(declared);
                self.copy(|w| w.skip(FIELD, len as usize))?;
                continue;
            };
            // Its size stands before it and is known only after it.
            let outer = std::mem::take(&mut self.out);
            self.run(&known.value)?;
            let value = std::mem::replace(&mut self.out, outer);
            self.put_varint(value.len());
            self.out.extend_from_slice(&value);
        }
        Ok(())
    }

    fn put_length(&mut self, prefix: Prefix, len: usize) {
        match prefix {
            Prefix::I16 => self.out.extend_from_slice(&(len as i16).to_be_bytes()),
            Prefix::I32 => self.out.extend_from_slice(&(len as i32).to_be_bytes()),
            Prefix::Compact => self.put_varint(len + 1),
        }
    }

    fn put_varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
