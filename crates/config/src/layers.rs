//! Joins file, environment and command line into one set of values; the later layer wins.

use std::collections::BTreeMap;

use crate::environment::key_of_variable;
use crate::error::{ConfigError, ConfigErrors};
use crate::keys::{BrokerName, resolve_broker};
use crate::node_config::{NodeConfig, StaticValue};
use crate::origin::Origin;
use crate::properties::parse_properties;
use crate::toml_file::parse_toml;
use crate::value::check;

/// The syntax of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// TOML, nested or dotted.
    Toml,
    /// Kafka's `server.properties`.
    Properties,
}

impl FileFormat {
    /// Tells the format by the extension, and where that says nothing by the text: what reads
    /// as TOML is TOML.
    pub fn detect(path: &str, text: &str) -> Self {
        let extension = path.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
        match extension.as_deref() {
            Some("toml") => Self::Toml,
            Some("properties") => Self::Properties,
            _ if parse_toml(text).is_ok() => Self::Toml,
            _ => Self::Properties,
        }
    }
}

/// Collects the layers in the order of their precedence.
///
/// Errors are kept until [`Layers::finish`], so that one start shows all of them.
#[derive(Debug, Default)]
pub struct Layers {
    values: BTreeMap<String, StaticValue>,
    errors: ConfigErrors,
}

impl Layers {
    /// Nothing but defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the settings of a file; `path` only names it in messages.
    pub fn file(mut self, path: &str, text: &str, format: FileFormat) -> Self {
        let at = |line| Origin::File {
            path: path.to_owned(),
            line,
        };
        let parsed = match format {
            FileFormat::Toml => parse_toml(text),
            FileFormat::Properties => parse_properties(text),
        };
        match parsed {
            Ok(settings) => {
                for setting in settings {
                    self.set(&setting.name, &setting.value, at(Some(setting.line)));
                }
            }
            Err(error) => self.errors.push(Some(at(None)), error),
        }
        self
    }

    /// Adds what the environment sets; variables that are no keys are passed over.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        // Sorted, because the order of an environment says nothing.
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        for (variable, value) in variables {
            if let Some(key) = key_of_variable(&variable) {
                self.set(&key, &value, Origin::Environment { variable });
            }
        }
        self
    }

    /// Adds one `key=value` of the command line.
    pub fn argument(mut self, argument: &str) -> Self {
        match argument.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                self.set(key.trim(), value, Origin::CommandLine);
            }
            _ => {
                let text = format!("{argument:?} must have the form key=value");
                self.errors
                    .push(Some(Origin::CommandLine), ConfigError::Syntax(text));
            }
        }
        self
    }

    fn set(&mut self, name: &str, value: &str, origin: Origin) {
        let value = value.trim();
        let checked = match resolve_broker(name) {
            Ok(BrokerName::Key(def)) if def.dynamic_only => {
                Err(ConfigError::DynamicOnly(name.to_owned()))
            }
            // An empty value stands for a key that is not set where null is the default.
            Ok(BrokerName::Key(def)) if value.is_empty() && def.default.is_none() => {
                self.values.remove(name);
                return;
            }
            Ok(BrokerName::Key(def) | BrokerName::OfListener(def)) => check(def, value),
            Ok(BrokerName::OfPlugin) => Ok(()),
            Err(error) => Err(error),
        };
        match checked {
            Ok(()) => {
                let value = StaticValue {
                    value: value.to_owned(),
                    origin,
                };
                self.values.insert(name.to_owned(), value);
            }
            Err(error) => self.errors.push(Some(origin), error),
        }
    }

    /// The joined values, if every one of them is right and they fit together.
    pub fn finish(self) -> Result<NodeConfig, ConfigErrors> {
        self.errors.into_result()?;
        let config = NodeConfig::new(self.values);
        config.broker()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
