//! Keys of the node, its controller and the metadata log.

use crate::definition::ValueType::{Boolean, Int, List, Long, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("broker.heartbeat.interval.ms", Int)
        .default("2000")
        .effective()
        .doc(""),
    broker("broker.id", Int)
        .default("-1")
        .high()
        .effective()
        .doc(""),
    broker("broker.rack", String).effective().doc(""),
    broker("broker.session.timeout.ms", Int)
        .default("9000")
        .effective()
        .doc(""),
    broker("controlled.shutdown.enable", Boolean)
        .default("true")
        .effective()
        .doc(""),
    broker("controller.listener.names", List)
        .default("")
        .high()
        .effective()
        .doc(""),
    broker("controller.performance.always.log.threshold.ms", Long)
        .default("2000")
        .at_least(0)
        .internal()
        .doc(""),
    broker("controller.performance.sample.period.ms", Long)
        .default("60000")
        .at_least(100)
        .internal()
        .doc(""),
    broker("controller.quorum.append.linger.ms", Int)
        .default("25")
        .at_least(0)
        .doc(""),
    broker("controller.quorum.auto.join.enable", Boolean)
        .default("false")
        .low()
        .doc(""),
    broker("controller.quorum.bootstrap.servers", List)
        .default("")
        .high()
        .doc(""),
    broker("controller.quorum.election.backoff.max.ms", Int)
        .default("1000")
        .at_least(0)
        .high()
        .doc(""),
    broker("controller.quorum.election.timeout.ms", Int)
        .default("1000")
        .at_least(0)
        .high()
        .doc(""),
    broker("controller.quorum.fetch.max.bytes", Int)
        .default("1048576")
        .at_least(1)
        .low()
        .doc(""),
    broker("controller.quorum.fetch.snapshot.max.bytes", Int)
        .default("1048576")
        .at_least(1)
        .low()
        .doc(""),
    broker("controller.quorum.fetch.timeout.ms", Int)
        .default("2000")
        .at_least(0)
        .high()
        .doc(""),
    broker("controller.quorum.request.timeout.ms", Int)
        .default("2000")
        .at_least(0)
        .doc(""),
    broker("controller.quorum.retry.backoff.ms", Int)
        .default("20")
        .at_least(0)
        .low()
        .doc(""),
    broker("controller.quorum.voters", List)
        .default("")
        .high()
        .doc(""),
    broker("controller.socket.timeout.ms", Int)
        .default("30000")
        .doc(""),
    broker("early.start.listeners", List).high().doc(""),
    broker("initial.broker.registration.timeout.ms", Int)
        .default("60000")
        .doc(""),
    broker("internal.metadata.delete.delay.millis", Long)
        .default("60000")
        .low()
        .internal()
        .doc(""),
    broker("internal.metadata.log.segment.bytes", Int)
        .low()
        .internal()
        .doc(""),
    broker("internal.metadata.max.batch.size.in.bytes", Int)
        .default("8388608")
        .low()
        .internal()
        .doc(""),
    broker("metadata.log.dir", String)
        .high()
        .effective()
        .doc(""),
    broker("metadata.log.max.record.bytes.between.snapshots", Long)
        .default("20971520")
        .at_least(1)
        .high()
        .effective()
        .doc(""),
    broker("metadata.log.max.snapshot.interval.ms", Long)
        .default("3600000")
        .at_least(0)
        .high()
        .effective()
        .doc(""),
    broker("metadata.log.segment.bytes", Int)
        .default("1073741824")
        .at_least(8388608)
        .high()
        .effective()
        .doc(""),
    broker("metadata.log.segment.ms", Long)
        .default("604800000")
        .high()
        .doc(""),
    broker("metadata.max.idle.interval.ms", Int)
        .default("500")
        .at_least(0)
        .low()
        .doc(""),
    broker("metadata.max.retention.bytes", Long)
        .default("104857600")
        .high()
        .doc(""),
    broker("metadata.max.retention.ms", Long)
        .default("604800000")
        .high()
        .doc(""),
    broker("node.id", Int)
        .default("1")
        .at_least(0)
        .high()
        .effective()
        .doc(""),
    broker("process.roles", List)
        .default("broker,controller")
        .allowed(Allowed::ListOf(&["broker", "controller"]))
        .high()
        .effective()
        .doc(""),
    broker("server.max.startup.time.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .internal()
        .doc(""),
    broker("unstable.api.versions.enable", Boolean)
        .default("false")
        .high()
        .internal()
        .doc(""),
    broker("unstable.feature.versions.enable", Boolean)
        .default("false")
        .high()
        .internal()
        .doc(""),
];
