//! Templates for records, with the letters that kcat uses.

use std::io::{self, Write};

use highwater_client::ConsumedRecord;

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    KeyLength,
    Value,
    ValueLength,
    Headers,
}

/// A template, read once and filled for each record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormatString(Vec<Piece>);

impl std::str::FromStr for FormatString {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let piece = match c {
                '%' => match rest.next() {
                    Some('%') => {
                        literal.push(b'%');
                        continue;
                    }
                    letter => directive(letter)?,
                },
                '\\' => {
                    literal.push(escape(&mut rest)?);
                    continue;
                }
                c => {
                    literal.extend(c.encode_utf8(&mut [0; 4]).bytes());
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }
}

fn directive(letter: Option<char>) -> Result<Piece, String> {
    Ok(match letter {
        Some('t') => Piece::Topic,
        Some('p') => Piece::Partition,
        Some('o') => Piece::Offset,
        Some('T') => Piece::Timestamp,
        Some('k') => Piece::Key,
        Some('K') => Piece::KeyLength,
        Some('s') => Piece::Value,
        Some('S') => Piece::ValueLength,
        Some('h') => Piece::Headers,
        Some(other) => return Err(format!("%{other} is none of %t %p %o %T %k %K %s %S %h %%")),
        None => return Err("a single % at the end; write %% for a percent sign".to_owned()),
    })
}

fn escape(rest: &mut std::str::Chars<'_>) -> Result<u8, String> {
    Ok(match rest.next() {
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('t') => b'\t',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            u8::from_str_radix(&digits, 16)
                .map_err(|_| format!("\\x{digits} is not a byte in hexadecimal"))?
        }
        Some(other) => return Err(format!("\\{other} is none of \\n \\r \\t \\0 \\xHH \\\\")),
        None => return Err("a single \\ at the end; write \\\\ for a backslash".to_owned()),
    })
}

fn length(bytes: Option<&bytes::Bytes>) -> i64 {
    bytes.map_or(-1, |bytes| bytes.len() as i64)
}

impl FormatString {
    /// Nothing but the value and a line end.
    pub(crate) fn value_line() -> Self {
        Self(vec![Piece::Value, Piece::Literal(b"\n".to_vec())])
    }

    /// Writes a record as the template says. Null is written as nothing.
    pub(crate) fn write(&self, out: &mut impl Write, record: &ConsumedRecord) -> io::Result<()> {
        for piece in &self.0 {
            match piece {
                Piece::Literal(bytes) => out.write_all(bytes)?,
                Piece::Topic => write!(out, "{}", record.partition.topic)?,
                Piece::Partition => write!(out, "{}", record.partition.partition)?,
                Piece::Offset => write!(out, "{}", record.offset)?,
                Piece::Timestamp => write!(out, "{}", record.timestamp_ms)?,
                Piece::Key => out.write_all(record.key.as_deref().unwrap_or_default())?,
                Piece::KeyLength => write!(out, "{}", length(record.key.as_ref()))?,
                Piece::Value => out.write_all(record.value.as_deref().unwrap_or_default())?,
                Piece::ValueLength => write!(out, "{}", length(record.value.as_ref()))?,
                Piece::Headers => write_headers(out, record)?,
            }
        }
        Ok(())
    }
}

fn write_headers(out: &mut impl Write, record: &ConsumedRecord) -> io::Result<()> {
    for (position, header) in record.headers.iter().enumerate() {
        if position > 0 {
            out.write_all(b",")?;
        }
        out.write_all(&header.key)?;
        if let Some(value) = &header.value {
            out.write_all(b"=")?;
            out.write_all(value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::consume::sample_record;

    fn filled(template: &str) -> String {
        let mut out = Vec::new();
        template
            .parse::<FormatString>()
            .unwrap()
            .write(&mut out, &sample_record())
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_letter_is_filled_in() {
        assert_eq!(filled(r"%t %p %o %T"), "orders 3 42 1700000000000");
        assert_eq!(filled(r"%k(%K)=%s(%S)\n"), "key(3)=value(5)\n");
        assert_eq!(filled(r"%h|100%%|\x41\t\\"), "a=1,a=2,b|100%|A\t\\");
    }

    #[test]
    fn a_template_that_means_nothing_is_refused() {
        for template in ["%", "%x", "\\", "\\q", "\\xZZ", "\\x1"] {
            let parsed = template.parse::<FormatString>();
            assert_eq!(parsed.is_err(), template != "\\x1", "{template}");
        }
    }
}
