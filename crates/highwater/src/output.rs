//! What the commands write: reports to standard output, as text for people or JSON for
//! programs, and complaints to standard error.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::CommandError;

/// The two shapes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Tables and lines for people; may change between versions.
    Text,
    /// JSON whose shape is documented in `docs/cli.md`.
    Json,
}

/// The result of a command. Its JSON is its `Serialize`; its text is for people.
pub(crate) trait Report: Serialize {
    fn text(&self) -> String;
}

/// Prints a report.
pub(crate) fn print(report: &impl Report, format: Format) -> Result<(), CommandError> {
    let text = match format {
        Format::Text => report.text(),
        Format::Json => json(report),
    };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.is_empty() && !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// The JSON of a report, indented.
pub(crate) fn json(report: &impl Serialize) -> String {
    serde_json::to_string_pretty(report).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
}

/// One line on standard error that says what failed.
pub(crate) fn complain(what: impl std::fmt::Display) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "highwater: {what}");
}

/// A table without lines; columns named in `right` are aligned to the right.
pub(crate) fn table(columns: &[&str], right: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let alignment = |name: &str| {
        if right.contains(&name) {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        }
    };
    let header = columns
        .iter()
        .map(|c| Cell::new(c.to_uppercase()).set_alignment(alignment(c)));
    table.set_header(header);
    for row in rows {
        let cells = row.into_iter().zip(columns);
        table.add_row(cells.map(|(text, c)| Cell::new(text).set_alignment(alignment(c))));
    }
    // The table pads every cell by one blank on both sides.
    let trimmed = table.lines().map(|line| line.trim_end().to_owned());
    let trimmed = trimmed.map(|line| line.strip_prefix(' ').map(str::to_owned).unwrap_or(line));
    trimmed.collect::<Vec<_>>().join("\n") + "\n"
}

/// Numbers as one list: `1,2,3`.
pub(crate) fn list<T: ToString>(items: &[T]) -> String {
    let texts: Vec<_> = items.iter().map(ToString::to_string).collect();
    if texts.is_empty() {
        "-".to_owned()
    } else {
        texts.join(",")
    }
}

/// A value, or a dash where there is none.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Bytes in the largest binary unit of which there is at least one.
pub(crate) fn bytes_text(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if value.abs() < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// A refusal of one entry, as JSON shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// The name of the error in the protocol.
    pub(crate) code: String,
    /// The broker's words, if it gave any.
    pub(crate) message: Option<String>,
}

impl From<highwater_client::Refusal> for Failure {
    fn from(refusal: highwater_client::Refusal) -> Self {
        Self {
            code: refusal.code.to_string(),
            message: refusal.message,
        }
    }
}

impl Failure {
    pub(crate) fn text(&self) -> String {
        match &self.message {
            Some(message) if !message.is_empty() => format!("{message} ({})", self.code),
            _ => self.code.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) fn check(
    report: &impl Report,
    text: &expect_test::Expect,
    json_shape: &expect_test::Expect,
) {
    text.assert_eq(&report.text());
    json_shape.assert_eq(&json(report));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_no_trailing_blanks_and_aligns_numbers() {
        let rows = vec![vec!["a".into(), "1".into()], vec!["bb".into(), "22".into()]];
        let text = table(&["name", "count"], &["count"], rows);
        expect_test::expect![[r#"
            NAME  COUNT
            a         1
            bb       22
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_people_read() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(bytes_text(bytes), expected);
        }
    }
}
