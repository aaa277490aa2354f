//! What can be wrong with a key or its value, in words that Kafka's tools also use.

use std::fmt;

use crate::origin::Origin;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No key has this name.
    #[error("Unknown {kind} config name: {name}{}", suggestion_text(.nearest))]
    UnknownKey {
        /// What was given.
        name: String,
        /// `broker`, `topic` or `group`.
        kind: &'static str,
        /// The known name that differs least, if one is close.
        nearest: Option<&'static str>,
    },
    /// Kafka once had the key and dropped it.
    #[error("Configuration {name} no longer exists: {advice}")]
    RemovedKey {
        /// What was given.
        name: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The value is not one that the key takes.
    #[error("Invalid value {value} for configuration {name}: {reason}")]
    InvalidValue {
        /// The key.
        name: String,
        /// What was given; `[hidden]` for passwords.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// The key can only be set at the start of the broker.
    #[error("Cannot update these configs dynamically: [{0}]; set it in the file and restart")]
    NotDynamic(String),
    /// The key may differ between brokers and can therefore have no value for all of them.
    #[error("Cannot update these configs at default cluster level: [{0}]; name a broker")]
    PerBrokerOnly(String),
    /// The key exists for the admin API alone.
    #[error("Configuration {0} can only be set dynamically, through the admin API")]
    DynamicOnly(String),
    /// Append or subtract on a key that is no list.
    #[error("Can't {operation} to key {name} because its type is not LIST.")]
    NotAList {
        /// The key.
        name: String,
        /// `APPEND` or `SUBTRACT`.
        operation: &'static str,
    },
    /// Two values do not fit together.
    #[error("{0}")]
    Conflict(String),
    /// The file, a variable or an argument cannot be read as configuration.
    #[error("{0}")]
    Syntax(String),
}

fn suggestion_text(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean {name}?"),
        None => "; docs/configuration.md has all names".to_owned(),
    }
}

impl ConfigError {
    pub(crate) fn invalid(name: &str, value: &str, reason: impl Into<String>) -> Self {
        Self::InvalidValue {
            name: name.into(),
            value: value.into(),
            reason: reason.into(),
        }
    }
}

/// An error together with the place that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedError {
    /// Where the value was set; `None` if several places take part.
    pub origin: Option<Origin>,
    /// What is wrong.
    pub error: ConfigError,
}

impl fmt::Display for LocatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Some(origin) => write!(f, "{origin}: {}", self.error),
            None => self.error.fmt(f),
        }
    }
}

/// Everything that is wrong at once, so that one start shows all of it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConfigErrors(pub Vec<LocatedError>);

impl ConfigErrors {
    pub(crate) fn push(&mut self, origin: Option<Origin>, error: ConfigError) {
        self.0.push(LocatedError { origin, error });
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
