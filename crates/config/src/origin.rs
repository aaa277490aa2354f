//! Where a value came from, for people who wonder why it is what it is.

use std::fmt;

/// The place in which a static value was set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A configuration file.
    File {
        /// The path as it was given.
        path: String,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// An argument of the command line.
    CommandLine,
    /// The admin API, for all brokers.
    DynamicDefault,
    /// The admin API, for this broker.
    DynamicBroker,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                path,
                line: Some(line),
            } => write!(f, "{path}:{line}"),
            Self::File { path, line: None } => f.write_str(path),
            Self::Environment { variable } => write!(f, "environment {variable}"),
            Self::CommandLine => f.write_str("command line"),
            Self::DynamicDefault => f.write_str("dynamic, all brokers"),
            Self::DynamicBroker => f.write_str("dynamic, this broker"),
        }
    }
}
