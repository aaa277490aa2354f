//! Prometheus' text format: families, series, and what must be escaped in them.

use std::fmt::{self, Display, Write};

/// What a family's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows while the process runs.
    Counter,
    /// Values counted by class.
    Histogram,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Labels of one series.
pub(crate) type Labels<'a> = [(&'static str, &'a dyn Display)];

/// Writes the head of a family.
pub(crate) fn head(out: &mut String, name: &str, kind: Kind, help: &str) {
    // A `String` takes everything; the results of writing to it say nothing.
    let _ = writeln!(out, "# HELP {name} {help}");
    let _ = writeln!(out, "# TYPE {name} {}", kind.name());
}

/// Writes one series of the family `name`; `suffix` is `_bucket` and the like, or empty.
pub(crate) fn series(
    out: &mut String,
    (name, suffix): (&str, &str),
    labels: &Labels<'_>,
    value: impl Display,
) {
    out.push_str(name);
    out.push_str(suffix);
    for (at, (label, text)) in labels.iter().enumerate() {
        let _ = write!(out, "{}{label}=\"", if at == 0 { '{' } else { ',' });
        let _ = write!(Escaped(out), "{text}");
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    let _ = writeln!(out, " {value}");
}

/// Escapes what would end a label's value or its line.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '\\' => self.0.push_str("\\\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str("\\n"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_line() {
        let mut out = String::new();
        let labels: [(&'static str, &dyn Display); 2] = [("group", &"a\"b\\c\nd} 1"), ("n", &7)];
        series(&mut out, ("lag", "_sum"), &labels, 1.5);
        assert_eq!(out, "lag_sum{group=\"a\\\"b\\\\c\\nd} 1\",n=\"7\"} 1.5\n");
    }

    #[test]
    fn a_series_without_labels_has_no_braces() {
        let mut out = String::new();
        head(&mut out, "up", Kind::Gauge, "Whether it is.");
        series(&mut out, ("up", ""), &[], 1);
        assert_eq!(out, "# HELP up Whether it is.\n# TYPE up gauge\nup 1\n");
    }
}
