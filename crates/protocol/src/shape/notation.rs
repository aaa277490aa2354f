//! From the notation of a schema to the program that the walker runs, one version at a time.

use super::schema::Schema;

/// What the walker does for one structure, in order.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// The fewest bytes that the structure can take.
    pub(super) bytes_min: usize,
}

impl Program {
    /// The size of the structure, if it is always the same.
    pub(super) fn fixed_bytes(&self) -> Option<usize> {
        match self.steps.as_slice() {
            [] => Some(0),
            [Step::Fixed { bytes, .. }] => Some(*bytes),
            _ => None,
        }
    }
}

/// How a length or a count is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Two bytes; −1 is null.
    I16,
    /// Four bytes; −1 is null.
    I32,
    /// A varint of one more than the length; 0 is null.
    Compact,
}

impl Prefix {
    const fn bytes_min(self) -> usize {
        match self {
            Self::I16 => 2,
            Self::I32 => 4,
            Self::Compact => 1,
        }
    }
}

/// Whether a field may be left out by saying so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nullable {
    Yes,
    No,
}

#[derive(Debug)]
pub(super) enum Step {
    /// Numbers that need no look, several of them in one step.
    Fixed { field: &'static str, bytes: usize },
    /// A string.
    Text {
        field: &'static str,
        prefix: Prefix,
        nullable: Nullable,
    },
    /// Bytes or records.
    Blob {
        field: &'static str,
        prefix: Prefix,
        nullable: Nullable,
    },
    /// An array, whose elements are structures or single values.
    Array {
        field: &'static str,
        prefix: Prefix,
        nullable: Nullable,
        element: Program,
    },
    /// A structure that may be null.
    Optional { field: &'static str, body: Program },
    /// The tagged fields that end a structure, with those whose content is known.
    Tags(Vec<Tag>),
}

#[derive(Debug)]
pub(super) struct Tag {
    pub(super) tag: u32,
    pub(super) field: &'static str,
    pub(super) value: Program,
}

/// Compiles the request of one version, or nothing if the notation is wrong.
pub(super) fn compile(schema: &Schema, version: i16) -> Option<Program> {
    let flexible = schema.flexible_min.is_some_and(|min| version >= min);
    let mut compiler = Compiler {
        rest: schema.fields,
        version,
        flexible,
    };
    let program = compiler.fields()?;
    compiler.rest.is_empty().then_some(program)
}

struct Compiler {
    rest: &'static str,
    version: i16,
    flexible: bool,
}

/// The type of a field, as far as it is needed until the rest of the field has been read.
enum Type {
    Number(usize),
    Text,
    Blob,
    Array(Program),
    Struct(Program),
}

impl Compiler {
    /// Fields up to the end of the text or of the enclosing bracket.
    fn fields(&mut self) -> Option<Program> {
        let mut program = Program::default();
        let mut tags = Vec::new();
        loop {
            let field = self.word();
            self.expect(':')?;
            let kind = self.kind(field)?;
            let nullable = self.nullable()?;
            let exists = if self.eat(" ") && !self.rest.starts_with('#') {
                let range = self.range()?;
                self.eat(" ");
                range.contains(&self.version)
            } else {
                true
            };
            let tag = if self.eat("#") {
                Some(self.word().parse().ok()?)
            } else {
                None
            };
            if exists {
                match tag {
                    Some(tag) => {
                        let mut value = Program::default();
                        self.push(&mut value, field, kind, nullable);
                        tags.push(Tag { tag, field, value });
                    }
                    None => self.push(&mut program, field, kind, nullable),
                }
            }
            if !self.eat("; ") {
                break;
            }
        }
        if self.flexible {
            program.bytes_min += 1;
            program.steps.push(Step::Tags(tags));
        }
        Some(program)
    }

    fn kind(&mut self, field: &'static str) -> Option<Type> {
        if self.eat("[") {
            let element = match self.scalar() {
                Some(kind) => {
                    let mut element = Program::default();
                    self.push(&mut element, field, kind, Nullable::No);
                    element
                }
                None => self.fields()?,
            };
            self.expect(']')?;
            return Some(Type::Array(element));
        }
        if self.eat("{") {
            let body = self.fields()?;
            self.expect('}')?;
            return Some(Type::Struct(body));
        }
        self.scalar()
    }

    /// A single value, unless what stands there is the name of a field.
    fn scalar(&mut self) -> Option<Type> {
        let before = self.rest;
        let kind = match self.word() {
            "bool" | "i8" => Type::Number(1),
            "i16" => Type::Number(2),
            "i32" => Type::Number(4),
            "i64" | "f64" => Type::Number(8),
            "uuid" => Type::Number(16),
            "s" => Type::Text,
            "b" => Type::Blob,
            _ => {
                self.rest = before;
                return None;
            }
        };
        Some(kind)
    }

    fn nullable(&mut self) -> Option<Nullable> {
        if !self.eat("?") {
            return Some(Nullable::No);
        }
        if !self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(Nullable::Yes);
        }
        let range = self.range()?;
        Some(if range.contains(&self.version) {
            Nullable::Yes
        } else {
            Nullable::No
        })
    }

    fn range(&mut self) -> Option<std::ops::RangeInclusive<i16>> {
        let min = self.word().parse().ok()?;
        if self.eat("+") {
            return Some(min..=i16::MAX);
        }
        self.expect('-')?;
        Some(min..=self.word().parse().ok()?)
    }

    fn push(&self, program: &mut Program, field: &'static str, kind: Type, nullable: Nullable) {
        let (text, long) = if self.flexible {
            (Prefix::Compact, Prefix::Compact)
        } else {
            (Prefix::I16, Prefix::I32)
        };
        let step = match kind {
            Type::Number(bytes) => {
                program.bytes_min += bytes;
                if let Some(Step::Fixed { bytes: before, .. }) = program.steps.last_mut() {
                    *before += bytes;
                    return;
                }
                Step::Fixed { field, bytes }
            }
            Type::Text => {
                program.bytes_min += text.bytes_min();
                Step::Text {
                    field,
                    prefix: text,
                    nullable,
                }
            }
            Type::Blob => {
                program.bytes_min += long.bytes_min();
                Step::Blob {
                    field,
                    prefix: long,
                    nullable,
                }
            }
            Type::Array(element) => {
                program.bytes_min += long.bytes_min();
                Step::Array {
                    field,
                    prefix: long,
                    nullable,
                    element,
                }
            }
            Type::Struct(body) if nullable == Nullable::Yes => {
                program.bytes_min += 1;
                Step::Optional { field, body }
            }
            Type::Struct(body) => {
                program.bytes_min += body.bytes_min;
                program.steps.extend(body.steps);
                return;
            }
        };
        program.steps.push(step);
    }

    fn word(&mut self) -> &'static str {
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, symbol: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(symbol)?;
        Some(())
    }
}
