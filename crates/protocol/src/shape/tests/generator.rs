//! Bodies made from the schemas.

use super::super::notation::{Nullable, Prefix, Program, Step, Tag};

/// Writes bodies that a schema allows, and remembers where counts and lengths stand.
pub(super) struct Generator {
    state: u64,
    /// What strings and bytes are full of.
    pub(super) filling: u8,
    pub(super) out: Vec<u8>,
    pub(super) prefixes: Vec<(usize, Prefix)>,
}

impl Generator {
    /// Goes on behind what is there.
    pub(super) fn after(out: Vec<u8>) -> Self {
        Self {
            state: 1,
            filling: b'x',
            out,
            prefixes: Vec::new(),
        }
    }

    pub(super) fn body(seed: u64, program: &Program) -> Self {
        Self::filled(seed, program, b'x')
    }

    /// The same body with other bytes in its strings and byte fields.
    pub(super) fn filled(seed: u64, program: &Program, filling: u8) -> Self {
        let mut generator = Self {
            state: seed | 1,
            filling,
            out: Vec::new(),
            prefixes: Vec::new(),
        };
        generator.program(program);
        generator
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % bound
    }

    pub(super) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn prefix(&mut self, prefix: Prefix, len: Option<usize>) {
        self.prefixes.push((self.out.len(), prefix));
        let len = len.map_or(-1, |len| len as i32);
        match prefix {
            Prefix::I16 => self.out.extend((len as i16).to_be_bytes()),
            Prefix::I32 => self.out.extend(len.to_be_bytes()),
            Prefix::Compact => self.varint((len + 1) as u32),
        }
    }

    fn len(&mut self, nullable: Nullable) -> Option<usize> {
        match self.below(8) {
            0 if nullable == Nullable::Yes => None,
            0 | 1 => Some(0),
            2 => Some(100 + self.below(100) as usize),
            _ => Some(1 + self.below(9) as usize),
        }
    }

    /// What is null or empty the codec leaves out of the tagged fields, so it is not generated.
    fn tagged(&mut self, program: &Program) {
        match program.steps.as_slice() {
            [Step::Text { prefix, .. }] => {
                self.prefix(*prefix, Some(5));
                self.out.extend(b"hello");
            }
            [
                Step::Array {
                    prefix, element, ..
                },
            ] => {
                self.prefix(*prefix, Some(1));
                self.program(element);
            }
            _ => self.program(program),
        }
    }

    fn program(&mut self, program: &Program) {
        for step in &program.steps {
            match step {
                // Ones are no default of anything, and as booleans they are encoded as read.
                Step::Fixed { bytes, .. } => self.out.extend(std::iter::repeat_n(1, *bytes)),
                Step::Text {
                    prefix, nullable, ..
                }
                | Step::Blob {
                    prefix, nullable, ..
                } => {
                    let len = self.len(*nullable);
                    self.prefix(*prefix, len);
                    self.out
                        .extend(std::iter::repeat_n(self.filling, len.unwrap_or(0)));
                }
                Step::Array {
                    prefix,
                    nullable,
                    element,
                    ..
                } => {
                    let len = match self.below(6) {
                        0 if *nullable == Nullable::Yes => None,
                        n => Some(n as usize % 4),
                    };
                    self.prefix(*prefix, len);
                    for _ in 0..len.unwrap_or(0) {
                        self.program(element);
                    }
                }
                Step::Optional { body, .. } => {
                    if self.below(2) == 0 {
                        self.out.push(0xff);
                    } else {
                        self.out.push(1);
                        self.program(body);
                    }
                }
                Step::Tags(known) => self.tags(known),
            }
        }
    }

    fn tags(&mut self, known: &[Tag]) {
        let known: Vec<_> = known.iter().filter(|_| self.below(3) != 0).collect();
        let unknown = self.below(12) / 10;
        self.varint(known.len() as u32 + unknown as u32);
        for tag in known {
            let mut value = Generator {
                state: self.state,
                filling: self.filling,
                out: vec![],
                prefixes: vec![],
            };
            value.tagged(&tag.value);
            self.state = value.state;
            self.varint(tag.tag);
            self.varint(value.out.len() as u32);
            let start = self.out.len();
            self.out.extend(value.out);
            let moved = value
                .prefixes
                .into_iter()
                .map(|(at, prefix)| (start + at, prefix));
            self.prefixes.extend(moved);
        }
        for index in 0..unknown {
            self.varint(200 + index as u32);
            self.varint(3);
            self.out.extend(b"any");
        }
    }
}
