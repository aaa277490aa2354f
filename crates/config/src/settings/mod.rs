//! Typed groups of broker keys: each field is declared with the key from which it is read.

pub mod coordinators;
pub mod network;
pub mod node;
pub mod storage;

use crate::error::{ConfigError, ConfigErrors};
use crate::node_config::NodeConfig;
use crate::value::{list_items, parse_bool};

/// Declares a struct whose fields are read from keys, and the list of these keys.
macro_rules! settings {
    ($(#[$doc:meta])* pub struct $name:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty = $key:literal,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// The keys from which the fields are read.
            #[cfg(test)]
            pub(crate) const KEYS: &[&str] = &[$($key),*];

            pub(crate) fn read(reader: &mut $crate::settings::Reader<'_>) -> Self {
                Self { $($field: reader.value($key),)* }
            }
        }
    };
}
pub(crate) use settings;

/// Reads typed values and collects what does not fit.
pub(crate) struct Reader<'a> {
    node: &'a NodeConfig,
    errors: ConfigErrors,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(node: &'a NodeConfig) -> Self {
        Self {
            node,
            errors: ConfigErrors::default(),
        }
    }

    /// Notes an error; `key` says whose place in the files to name.
    pub(crate) fn refuse(&mut self, key: Option<&str>, error: ConfigError) {
        let origin = key
            .filter(|key| self.node.is_set(key))
            .map(|key| self.node.origin(key));
        self.errors.push(origin, error);
    }

    pub(crate) fn into_errors(self) -> ConfigErrors {
        self.errors
    }

    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.node.is_set(key)
    }

    /// The text of a value; empty where the key has none.
    pub(crate) fn text(&self, key: &str) -> &'a str {
        self.node.get(key).unwrap_or_default().trim()
    }

    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        list_items(self.text(key)).map(str::to_owned).collect()
    }

    /// The value in the type of the field. What cannot be read is noted and replaced.
    pub(crate) fn value<T: FromValue>(&mut self, key: &'static str) -> T {
        let value = self.node.get(key);
        T::from_value(value).unwrap_or_else(|| {
            let shown = value.unwrap_or("null");
            self.refuse(Some(key), ConfigError::invalid(key, shown, T::EXPECTED));
            T::default()
        })
    }
}

/// A type in which a field can hold a value.
pub(crate) trait FromValue: Default {
    /// What the type expects, in words.
    const EXPECTED: &'static str;

    /// Reads the value; `None` stands for Kafka's null.
    fn from_value(value: Option<&str>) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty: $expected:literal,)*) => {$(
        impl FromValue for $type {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: Option<&str>) -> Option<Self> {
                value?.trim().parse().ok()
            }
        }
    )*};
}

numbers! {
    i16: "Not a number of type SHORT",
    i32: "Not a number of type INT",
    i64: "Not a number of type LONG",
    u64: "Value must be at least 0",
    usize: "Value must be at least 0",
    f64: "Not a number of type DOUBLE",
}

impl FromValue for bool {
    const EXPECTED: &'static str = "Expected value to be either true or false";

    fn from_value(value: Option<&str>) -> Option<Self> {
        parse_bool(value?)
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: Option<&str>) -> Option<Self> {
        value.map(|value| value.trim().to_owned())
    }
}

impl FromValue for Vec<String> {
    const EXPECTED: &'static str = "Expected a comma separated list.";

    fn from_value(value: Option<&str>) -> Option<Self> {
        Some(
            list_items(value.unwrap_or_default())
                .map(str::to_owned)
                .collect(),
        )
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: Option<&str>) -> Option<Self> {
        match value {
            None => Some(None),
            Some(_) => T::from_value(value).map(Some),
        }
    }
}
