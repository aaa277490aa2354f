//! What `HIGHWATER_LOG` asks for.

use std::ffi::OsStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};

/// The variable.
pub(crate) const VARIABLE: &str = "HIGHWATER_LOG";
/// What is logged if nobody says otherwise.
const DEFAULT: &str = "info";

/// A part of the variable that means nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "{VARIABLE}: {directive:?} is no log directive; allowed are error, warn, info, debug, trace, \
     off, and PART=LEVEL such as highwater_broker=debug, with commas between them"
)]
pub(crate) struct LogFilterError {
    directive: String,
}

/// Reads the variable. A word that is no level would pass for the name of a part, and nothing at
/// all would be logged; so parts without a level have to be ours.
pub(crate) fn log_filter(variable: Option<&OsStr>) -> Result<EnvFilter, LogFilterError> {
    let text = variable.map_or_else(|| DEFAULT.into(), OsStr::to_string_lossy);
    let text = match text.trim() {
        "" => DEFAULT,
        text => text,
    };
    let mut filter = EnvFilter::default();
    for part in text.split(',').map(str::trim) {
        let is_known = part.parse::<LevelFilter>().is_ok()
            || part.contains(['=', '['])
            || part.starts_with("highwater");
        let directive = part.parse::<Directive>().ok().filter(|_| is_known);
        filter = filter.add_directive(directive.ok_or_else(|| LogFilterError {
            directive: part.to_owned(),
        })?);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_filter_is_taken() {
        for (variable, expected) in [
            (None, "info"),
            (Some(""), "info"),
            (Some("WARN"), "warn"),
            (Some("off"), "off"),
            (
                Some("info, highwater_broker=debug"),
                "highwater_broker=debug,info",
            ),
            (Some("highwater_net"), "highwater_net=trace"),
        ] {
            let filter = log_filter(variable.map(OsStr::new)).unwrap();
            assert_eq!(filter.to_string(), expected, "{variable:?}");
        }
    }

    #[test]
    fn what_means_nothing_is_named() {
        for (variable, directive) in [
            ("inf", "inf"),
            ("info,highwater_broker=loud", "highwater_broker=loud"),
            ("info,,debug", ""),
            ("info;debug", "info;debug"),
        ] {
            let refused = log_filter(Some(OsStr::new(variable))).unwrap_err();
            let expected =
                format!("HIGHWATER_LOG: {directive:?} is no log directive; allowed are ");
            let text = refused.to_string();
            assert!(text.starts_with(&expected), "{variable}: {text}");
        }
    }
}
