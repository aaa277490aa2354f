//! Reads the text of a Kafka `server.properties`, in the syntax of Java's property files.

use crate::error::ConfigError;

/// One setting of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, unescaped.
    pub name: String,
    /// The value, unescaped.
    pub value: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

/// Reads all settings in the order of the text.
///
/// Comments begin with `#` or `!`; a key ends at `=`, `:` or white space; a line that ends in an
/// odd number of backslashes goes on in the next one, whose leading white space is dropped.
pub fn parse_properties(text: &str) -> Result<Vec<Setting>, ConfigError> {
    let mut settings = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start_matches(WHITE);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while ends_open(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(WHITE)),
                None => break,
            }
        }
        let (name, value) = split(&logical);
        let line = index + 1;
        let unescape = |part| {
            unescape(part).ok_or_else(|| {
                ConfigError::Syntax(format!("line {line}: malformed \\uxxxx escape in {part:?}"))
            })
        };
        settings.push(Setting {
            name: unescape(name)?,
            value: unescape(value)?,
            line,
        });
    }
    Ok(settings)
}

const WHITE: [char; 3] = [' ', '\t', '\u{c}'];

fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Cuts at the first separator that no backslash protects.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '=' || c == ':' || WHITE.contains(&c) {
            let rest = line[at..].trim_start_matches(WHITE);
            let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            return (&line[..at], rest.trim_start_matches(WHITE));
        }
    }
    (line, "")
}

/// Resolves backslash escapes; `None` if a `\u` is not followed by four hexadecimal digits.
fn unescape(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                None => break,
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                        return None;
                    }
                    units.push(u16::from_str_radix(&digits, 16).ok()?);
                    continue;
                }
                Some(other) => other,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let settings = parse_properties(text).unwrap_or_default();
        settings.into_iter().map(|s| (s.name, s.value)).collect()
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        let rows = [
            ("a=b", "a", "b"),
            ("a:b", "a", "b"),
            ("a b", "a", "b"),
            ("  a \t = \t b ", "a", "b "),
            ("a : = b", "a", "= b"),
            ("a", "a", ""),
            ("a=", "a", ""),
            ("a=b=c:d", "a", "b=c:d"),
            (
                "listeners=PLAINTEXT://h:9092",
                "listeners",
                "PLAINTEXT://h:9092",
            ),
            (r"a\=b\:c=d", "a=b:c", "d"),
            (r"a=x\ty\nz\\w\q", "a", "x\ty\nz\\wq"),
            (r"a=\u00e4\uD83D\uDE00", "a", "ä😀"),
            ("a=x,\\\n    y,\\\n  z", "a", "x,y,z"),
            ("a=x\\\\", "a", "x\\"),
            ("a=end\\", "a", "end"),
            ("a=# no comment", "a", "# no comment"),
        ];
        for (text, name, value) in rows {
            assert_eq!(
                pairs(text),
                [(name.to_owned(), value.to_owned())],
                "{text:?}"
            );
        }
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_and_lines_counted() {
        let text = "# one\n! two\r\n\n  \t\na=1\r\nb=2,\\\n  3\nc=4\n";
        let lines: Vec<_> = parse_properties(text)
            .unwrap()
            .into_iter()
            .map(|s| (s.name, s.line))
            .collect();
        assert_eq!(lines, [("a".into(), 5), ("b".into(), 6), ("c".into(), 8)]);
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for text in [r"a=\u12", r"a=\uzzzz", r"a\u=1"] {
            assert!(parse_properties(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "\\PC{0,80}(\n|\\\\|=|:| |\\PC){0,40}") {
            let _ = parse_properties(&text);
        }
    }
}
