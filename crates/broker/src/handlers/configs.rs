//! Configuration: what holds, who set it, and changing it.

pub(super) mod alter;
pub(super) mod describe;
pub(super) mod incremental;
pub(super) mod resources;

use std::sync::Arc;

use highwater_metadata::{ConfigResource, ConfigResourceType};

/// A resource as a request names it; `None` for a type that has no configuration here.
fn resource(kind: i8, name: &str) -> Option<ConfigResource> {
    Some(ConfigResource {
        kind: ConfigResourceType::from_code(kind)?,
        name: Arc::from(name),
    })
}
