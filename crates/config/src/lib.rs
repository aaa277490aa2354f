//! Configuration keys of brokers, topics and groups: definitions, values, sources, documentation.
//!
//! The crate is pure: files, environment and arguments are handed in as text. [`Layers`] joins
//! them into a [`NodeConfig`], which knows each value and where it came from; from it come the
//! typed [`BrokerConfig`] and [`TopicConfig`] on which the daemon acts, and the answers of
//! DescribeConfigs. All keys stand in the tables of [`keys`], from which `docs/configuration.md`
//! is generated too.

mod alter;
mod broker_config;
mod check_together;
pub mod definition;
mod describe;
mod environment;
mod error;
pub mod keys;
mod layers;
mod listener;
mod markdown;
mod node_config;
mod origin;
mod properties;
mod reachability;
pub mod settings;
mod suggest;
mod toml_file;
mod topic_config;
mod value;

pub use alter::{
    BrokerScope, ListOperation, apply_list_operation, validate_broker_change,
    validate_broker_dynamic, validate_broker_overrides, validate_client_metrics,
    validate_group_override, validate_topic_override,
};
pub use broker_config::BrokerConfig;
pub use describe::{ConfigSource, DescribedConfig, DescribedSynonym};
pub use environment::key_of_variable;
pub use error::{ConfigError, ConfigErrors, LocatedError};
pub use layers::{FileFormat, Layers};
pub use listener::{Listener, SecurityProtocol, parse_listeners, parse_protocol_map};
pub use markdown::configuration_markdown;
pub use node_config::{
    EffectiveRow, NodeConfig, Overrides, RefusedOverride, StaticValue, Stored, idle_key,
};
pub use origin::Origin;
pub use properties::{Setting, parse_properties};
pub use reachability::{
    Finding, Severity, check_advertised_listeners, check_endpoints, check_insecure_listeners,
};
pub use toml_file::parse_toml;
pub use topic_config::{CleanupPolicy, CompressionType, Durability, TimestampType, TopicConfig};
pub use value::{check as check_value, iso_duration_ms, list_items};
