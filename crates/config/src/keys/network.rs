//! Keys of sockets, connections and requests.

use crate::definition::ValueType::{Int, List, Long, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("advertised.listeners", List)
        .high()
        .effective()
        .doc(""),
    broker("connections.max.idle.ms", Long)
        .default("600000")
        .effective()
        .doc(""),
    broker("delete.records.purgatory.purge.interval.requests", Int)
        .default("1")
        .doc(""),
    broker("fetch.max.bytes", Int)
        .default("57671680")
        .at_least(1024)
        .effective()
        .doc(""),
    broker("fetch.purgatory.purge.interval.requests", Int)
        .default("1000")
        .doc(""),
    broker("inter.broker.listener.name", String)
        .effective()
        .doc(""),
    broker("listener.security.protocol.map", String)
        .default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .per_broker()
        .low()
        .effective()
        .doc(""),
    broker("listeners", List)
        .default("PLAINTEXT://127.0.0.1:9092")
        .per_broker()
        .high()
        .effective()
        .doc(""),
    broker("max.connection.creation.rate", Int)
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("max.connections", Int)
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("max.connections.per.ip", Int)
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(""),
    broker("max.connections.per.ip.overrides", String)
        .default("")
        .cluster_wide()
        .effective()
        .doc(""),
    broker("max.incremental.fetch.session.cache.slots", Int)
        .default("1000")
        .at_least(0)
        .effective()
        .doc(""),
    broker("max.request.partition.size.limit", Int)
        .default("2000")
        .at_least(1)
        .effective()
        .doc(""),
    broker("num.io.threads", Int)
        .default("8")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("num.network.threads", Int)
        .default("3")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(""),
    broker("producer.purgatory.purge.interval.requests", Int)
        .default("1000")
        .doc(""),
    broker("queued.max.request.bytes", Long)
        .default("-1")
        .effective()
        .doc(""),
    broker("queued.max.requests", Int)
        .default("500")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("request.timeout.ms", Int)
        .default("30000")
        .high()
        .effective()
        .doc(""),
    broker("socket.connection.setup.timeout.max.ms", Long)
        .default("30000")
        .doc(""),
    broker("socket.connection.setup.timeout.ms", Long)
        .default("10000")
        .doc(""),
    broker("socket.listen.backlog.size", Int)
        .default("50")
        .at_least(1)
        .effective()
        .doc(""),
    broker("socket.receive.buffer.bytes", Int)
        .default("102400")
        .high()
        .effective()
        .doc(""),
    broker("socket.request.max.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("socket.send.buffer.bytes", Int)
        .default("102400")
        .high()
        .effective()
        .doc(""),
];
