//! Reads a TOML file into the flat names that Kafka uses.
//!
//! `[log.retention] ms = 1`, `log.retention.ms = 1` and `"log.retention.ms" = 1` all mean the
//! same. Arrays become lists.

use toml::de::{DeTable, DeValue};

use crate::error::ConfigError;
use crate::properties::Setting;

/// Reads all settings in the order of their names.
pub fn parse_toml(text: &str) -> Result<Vec<Setting>, ConfigError> {
    let table = DeTable::parse(text).map_err(|error| {
        let text = error.to_string();
        // Kafka has keys that are the beginning of other keys, which TOML takes for tables.
        let hint = if text.contains("dotted key") {
            "\nput both names in quotes, as in \"max.connections\" = 1"
        } else {
            ""
        };
        ConfigError::Syntax(format!("{}{hint}", text.trim_end()))
    })?;
    let mut settings = Vec::new();
    let lines = LineIndex::new(text);
    flatten("", table.get_ref(), &lines, &mut settings)?;
    Ok(settings)
}

fn flatten(
    prefix: &str,
    table: &DeTable<'_>,
    lines: &LineIndex,
    settings: &mut Vec<Setting>,
) -> Result<(), ConfigError> {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{prefix}.{}", key.get_ref())
        };
        let line = lines.line_of(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => flatten(&name, inner, lines, settings)?,
            other => {
                let value = scalar_text(other).ok_or_else(|| {
                    ConfigError::Syntax(format!(
                        "line {line}: {name} must be a text, number, boolean or array of these"
                    ))
                })?;
                settings.push(Setting { name, value, line });
            }
        }
    }
    Ok(())
}

fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let digits = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(digits.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<_>> = items
                .iter()
                .map(|item| scalar_text(item.get_ref()))
                .collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Turns byte positions into line numbers.
struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    fn new(text: &str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            starts: std::iter::once(0)
                .chain(newlines.map(|(at, _)| at + 1))
                .collect(),
        }
    }

    fn line_of(&self, position: usize) -> usize {
        self.starts.partition_point(|start| *start <= position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_dotted_and_quoted_keys_give_the_same_names() {
        let text = "\"log.dir\" = 'a'\nlog.retention.ms = 1_000\n\n[log.cleaner]\nenable = false\n\
                    io.buffer.load.factor = 0.5\n[x]\ny = ['a', 2, true]\nz = 0x10\n";
        let mut found: Vec<_> = parse_toml(text)
            .unwrap()
            .into_iter()
            .map(|s| format!("{}={}@{}", s.name, s.value, s.line))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "log.cleaner.enable=false@5",
                "log.cleaner.io.buffer.load.factor=0.5@6",
                "log.dir=a@1",
                "log.retention.ms=1000@2",
                "x.y=a,2,true@8",
                "x.z=16@9",
            ]
        );
    }

    #[test]
    fn keys_that_begin_other_keys_are_quoted() {
        let error = parse_toml("max.connections = 1\nmax.connections.per.ip = 2\n").unwrap_err();
        assert!(
            error.to_string().contains("put both names in quotes"),
            "{error}"
        );
        let quoted = "\"max.connections\" = 1\n\"max.connections.per.ip\" = 2\n";
        assert_eq!(parse_toml(quoted).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_value_of_kafka_is_refused() {
        for text in [
            "a = 2020-01-01",
            "a = [{b = 1}]",
            "a = ",
            "a = 1\na = 2",
            "[[a]]\nb = 1",
        ] {
            assert!(parse_toml(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "([a-z.]{1,6}|=|\"|\\[|\\]|\n| |[0-9]|#|\\PC){0,60}") {
            let _ = parse_toml(&text);
        }
    }
}
