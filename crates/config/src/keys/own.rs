//! Keys that Kafka does not have.

use crate::definition::ValueType::{Boolean, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("admin.listener", String)
        .default("127.0.0.1:9644")
        .effective()
        .doc(
            "Address, as host:port, of the HTTP endpoint for health checks and Prometheus \
             metrics. Empty switches it off.",
        ),
    broker("allow.insecure.listeners", Boolean)
        .default("false")
        .effective()
        .doc(
            "Allows listeners that other machines can reach without TLS and \
             authentication. As long as Highwater has neither, a listener off loopback \
             needs this set to true; the broker warns of it at every start.",
        ),
    broker("log.durability", String)
        .default("fsync")
        .allowed(Allowed::OneOf(&["fsync", "replicated"]))
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "When a produce request with acks=all is answered: `fsync` once every in-sync \
             replica has the batch on disk, `replicated` once every one has it in memory, \
             which is what Kafka promises. Topics override it with `durability`. \
             Metadata, offsets and transaction state are always on disk before they \
             count.",
        ),
];
