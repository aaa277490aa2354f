//! Keys of the node, its controller and the metadata log.

use crate::definition::ValueType::{Boolean, Int, List, Long, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("broker.heartbeat.interval.ms", Int)
        .default("2000")
        .doc(
            "How often, in milliseconds, a broker tells the controller that it lives. \
             Must be less than `broker.session.timeout.ms`.",
        ),
    broker("broker.id", Int)
        .default("1")
        .high()
        .effective()
        .doc(
            "Older name of `node.id`, whose value it takes where it is not set. If both are set \
             they must be equal.",
        ),
    broker("broker.rack", String).effective().doc(
        "Name of the rack or zone in which the broker stands; told to clients, which \
             may prefer replicas near them.",
    ),
    broker("broker.session.timeout.ms", Int)
        .default("9000")
        .doc(
            "After how many milliseconds without a heartbeat the controller takes a \
             broker for dead.",
        ),
    broker("controlled.shutdown.enable", Boolean)
        .default("true")
        .doc(
            "Whether a broker that is told to stop first hands its leaderships to others. \
             On one node nothing can be handed over, and logs are always flushed.",
        ),
    broker("controller.listener.names", List)
        .default("")
        .high()
        .effective()
        .doc(
            "Names of the listeners over which controllers talk, as a list. Highwater's \
             default is empty, because the controller of a single node needs no socket; \
             Kafka asks for a value. Listeners named here are not offered to clients.",
        ),
    broker("controller.performance.always.log.threshold.ms", Long)
        .default("2000")
        .at_least(0)
        .internal()
        .doc(
            "A controller event that takes longer than this many milliseconds is logged \
             as an error.",
        ),
    broker("controller.performance.sample.period.ms", Long)
        .default("60000")
        .at_least(100)
        .internal()
        .doc("How often, in milliseconds, the controller logs how long its events take."),
    broker("controller.quorum.append.linger.ms", Int)
        .default("25")
        .at_least(0)
        .doc(
            "How many milliseconds the leading controller collects records before it \
             flushes them.",
        ),
    broker("controller.quorum.auto.join.enable", Boolean)
        .default("false")
        .low()
        .doc("Whether a controller adds itself to the voters when it starts."),
    broker("controller.quorum.bootstrap.servers", List)
        .default("")
        .high()
        .doc(
            "Addresses of controllers, as host:port entries, at which a node asks for the \
             others.",
        ),
    broker("controller.quorum.election.backoff.max.ms", Int)
        .default("1000")
        .at_least(0)
        .high()
        .doc(
            "Longest pause, in milliseconds, between two attempts to elect a leading \
             controller.",
        ),
    broker("controller.quorum.election.timeout.ms", Int)
        .default("1000")
        .at_least(0)
        .high()
        .doc(
            "After how many milliseconds without a leading controller an election is \
             started.",
        ),
    broker("controller.quorum.fetch.max.bytes", Int)
        .default("1048576")
        .at_least(1)
        .low()
        .doc(
            "Most bytes that one fetch of the metadata log returns; one batch may exceed \
             it.",
        ),
    broker("controller.quorum.fetch.snapshot.max.bytes", Int)
        .default("1048576")
        .at_least(1)
        .low()
        .doc("Most bytes that one fetch of a metadata snapshot returns."),
    broker("controller.quorum.fetch.timeout.ms", Int)
        .default("2000")
        .at_least(0)
        .high()
        .doc(
            "How many milliseconds a controller goes without hearing from the leader, or \
             the leader from a majority, before it gives up on them.",
        ),
    broker("controller.quorum.request.timeout.ms", Int)
        .default("2000")
        .at_least(0)
        .doc("How many milliseconds a controller waits for the answer of another."),
    broker("controller.quorum.retry.backoff.ms", Int)
        .default("20")
        .at_least(0)
        .low()
        .doc("First pause, in milliseconds, before a controller repeats a failed request."),
    broker("controller.quorum.voters", List)
        .default("")
        .high()
        .doc("The voting controllers as id@host:port entries; the older way of saying it."),
    broker("controller.socket.timeout.ms", Int)
        .default("30000")
        .doc("How many milliseconds a controller waits for a broker."),
    broker("early.start.listeners", List)
        .high()
        .doc("Listeners that open before the authoriser is ready, as a list of names."),
    broker("initial.broker.registration.timeout.ms", Int)
        .default("60000")
        .doc(
            "How many milliseconds a starting broker tries to register with the \
             controller before it stops.",
        ),
    broker("internal.metadata.delete.delay.millis", Long)
        .default("60000")
        .low()
        .internal()
        .doc(
            "How many milliseconds a deleted file of the metadata log stays on disk; for \
             tests.",
        ),
    broker("internal.metadata.log.segment.bytes", Int)
        .low()
        .internal()
        .doc(
            "Size in bytes at which a segment of the metadata log is closed, below the \
             public minimum; for tests.",
        ),
    broker("internal.metadata.max.batch.size.in.bytes", Int)
        .default("8388608")
        .low()
        .internal()
        .doc("Largest batch of the metadata log in bytes; for tests."),
    broker("metadata.log.dir", String)
        .high()
        .doc("Directory of the metadata log. Not set, the first of `log.dirs`."),
    broker("metadata.log.max.record.bytes.between.snapshots", Long)
        .default("20971520")
        .at_least(1)
        .high()
        .effective()
        .doc("Bytes of metadata records after which a new snapshot is written."),
    broker("metadata.log.max.snapshot.interval.ms", Long)
        .default("3600000")
        .at_least(0)
        .high()
        .doc(
            "After how many milliseconds a new metadata snapshot is written if anything \
             has changed; 0 for never.",
        ),
    broker("metadata.log.segment.bytes", Int)
        .default("1073741824")
        .at_least(8388608)
        .high()
        .doc("Size in bytes at which a segment of the metadata log is closed."),
    broker("metadata.log.segment.ms", Long)
        .default("604800000")
        .high()
        .doc("Age in milliseconds at which a segment of the metadata log is closed."),
    broker("metadata.max.idle.interval.ms", Int)
        .default("500")
        .at_least(0)
        .low()
        .doc(
            "How often, in milliseconds, an idle controller writes an empty record; 0 for \
             never. Highwater's single node writes none.",
        ),
    broker("metadata.max.retention.bytes", Long)
        .default("104857600")
        .high()
        .doc(
            "Bytes of metadata log and snapshots that are kept; the latest snapshot \
             always is.",
        ),
    broker("metadata.max.retention.ms", Long)
        .default("604800000")
        .high()
        .doc(
            "Milliseconds that old metadata logs and snapshots are kept; the latest \
             snapshot always is.",
        ),
    broker("node.id", Int)
        .default("1")
        .at_least(0)
        .high()
        .effective()
        .doc(
            "Number of this node, unlike that of any other node of the cluster. \
             Highwater's default is 1; Kafka asks for a value.",
        ),
    broker("process.roles", List)
        .default("broker,controller")
        .allowed(Allowed::ListOf(&["broker", "controller"]))
        .high()
        .effective()
        .doc(
            "What the node does: `broker`, `controller` or both. Highwater's default is \
             both, a complete single node; Kafka asks for a value.",
        ),
    broker("server.max.startup.time.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .internal()
        .doc(
            "How many milliseconds a start may take before the Java broker gives up; for \
             tests.",
        ),
    broker("unstable.api.versions.enable", Boolean)
        .default("false")
        .high()
        .internal()
        .doc("Whether versions of requests that are not yet final are served."),
    broker("unstable.feature.versions.enable", Boolean)
        .default("false")
        .high()
        .internal()
        .doc("Whether levels of features that are not yet final may be used."),
];
