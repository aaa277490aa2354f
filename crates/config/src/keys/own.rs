//! Keys that Kafka does not have.

use crate::definition::ValueType::{Boolean, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("admin.listener", String)
        .default("127.0.0.1:9644")
        .effective()
        .doc(""),
    broker("allow.insecure.listeners", Boolean)
        .default("false")
        .effective()
        .doc(""),
    broker("log.durability", String)
        .default("fsync")
        .allowed(Allowed::OneOf(&["fsync", "replicated"]))
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
];
