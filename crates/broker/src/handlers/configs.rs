//! Configuration: what holds, who set it, and changing it.

pub(super) mod alter;
pub(super) mod describe;
pub(super) mod incremental;
pub(super) mod resources;

use std::sync::Arc;

use highwater_config::idle_key;
use highwater_metadata::{ConfigResource, ConfigResourceType};

/// Names what was set of a broker and changes nothing here, as a start does of what it was given.
fn warn_of_idle<'a>(resource: &ConfigResource, set: impl Iterator<Item = &'a str>) {
    if resource.kind != ConfigResourceType::Broker {
        return;
    }
    let idle: Vec<_> = set.filter(|key| idle_key(key).is_some()).collect();
    if !idle.is_empty() {
        tracing::warn!(
            broker = &*resource.name,
            settings = idle.join(","),
            "these settings have no effect here (docs/configuration.md)"
        );
    }
}

/// A resource as a request names it; `None` for a type that has no configuration here.
fn resource(kind: i8, name: &str) -> Option<ConfigResource> {
    Some(ConfigResource {
        kind: ConfigResourceType::from_code(kind)?,
        name: Arc::from(name),
    })
}
