//! Keys of tiered storage.

use crate::definition::ValueType::{Boolean, Double, Int, Long, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("follower.fetch.last.tiered.offset.enable", Boolean)
        .default("false")
        .cluster_wide()
        .doc(
            "Whether an empty follower begins behind the data that lies in tiered \
             storage.",
        ),
    broker("log.local.retention.bytes", Long)
        .default("-2")
        .at_least(-2)
        .cluster_wide()
        .doc(
            "Bytes of a partition that stay on local disk once they are in tiered \
             storage; −2 means `log.retention.bytes`.",
        ),
    broker("log.local.retention.ms", Long)
        .default("-2")
        .at_least(-2)
        .cluster_wide()
        .doc(
            "Milliseconds that records stay on local disk once they are in tiered \
             storage; −2 means `log.retention.ms`.",
        ),
    broker("remote.fetch.max.wait.ms", Int)
        .default("500")
        .at_least(1)
        .cluster_wide()
        .doc("How many milliseconds a fetch may wait for tiered storage."),
    broker("remote.list.offsets.request.timeout.ms", Long)
        .default("30000")
        .at_least(1)
        .cluster_wide()
        .doc("How many milliseconds a look-up of offsets may wait for tiered storage."),
    broker("remote.log.index.file.cache.total.size.bytes", Long)
        .default("1073741824")
        .at_least(1)
        .cluster_wide()
        .low()
        .doc("Bytes of local disk for index files of tiered segments."),
    broker("remote.log.index.file.cache.ttl.ms", Long)
        .default("900000")
        .at_least(-1)
        .low()
        .internal()
        .doc(
            "How many milliseconds an unused index file of a tiered segment is kept on \
             local disk; −1 for no limit.",
        ),
    broker("remote.log.manager.copier.thread.pool.size", Int)
        .default("10")
        .at_least(1)
        .cluster_wide()
        .doc("Threads that copy segments to tiered storage."),
    broker("remote.log.manager.copy.max.bytes.per.second", Long)
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .doc("Most bytes copied to tiered storage in a second."),
    broker("remote.log.manager.copy.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .doc("How many samples are kept to measure copying to tiered storage."),
    broker("remote.log.manager.copy.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .doc("Length of one such sample, in seconds."),
    broker("remote.log.manager.expiration.thread.pool.size", Int)
        .default("10")
        .at_least(1)
        .cluster_wide()
        .doc("Threads that delete expired segments from tiered storage."),
    broker("remote.log.manager.fetch.max.bytes.per.second", Long)
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .doc("Most bytes read from tiered storage in a second."),
    broker("remote.log.manager.fetch.quota.window.num", Int)
        .default("11")
        .at_least(1)
        .doc("How many samples are kept to measure reading from tiered storage."),
    broker("remote.log.manager.fetch.quota.window.size.seconds", Int)
        .default("1")
        .at_least(1)
        .doc("Length of one such sample, in seconds."),
    broker("remote.log.manager.follower.thread.pool.size", Int)
        .default("2")
        .at_least(1)
        .cluster_wide()
        .doc("Threads with which followers ask how far a partition is in tiered storage."),
    broker("remote.log.manager.task.interval.ms", Long)
        .default("30000")
        .at_least(1)
        .low()
        .doc(
            "How often, in milliseconds, segments are copied to and deleted from tiered \
             storage.",
        ),
    broker("remote.log.manager.task.retry.backoff.max.ms", Long)
        .default("30000")
        .at_least(1)
        .low()
        .internal()
        .doc(
            "Longest pause, in milliseconds, before such a task is repeated after a \
             failure.",
        ),
    broker("remote.log.manager.task.retry.backoff.ms", Long)
        .default("500")
        .at_least(1)
        .low()
        .internal()
        .doc(
            "First pause, in milliseconds, before such a task is repeated after a \
             failure.",
        ),
    broker("remote.log.manager.task.retry.jitter", Double)
        .default("0.2")
        .allowed(Allowed::Ratio(0.0, 0.5))
        .low()
        .internal()
        .doc("Share by which that pause varies at random, 0 to 0.5."),
    broker("remote.log.manager.thread.pool.size", Int)
        .default("2")
        .at_least(1)
        .doc("Older name of `remote.log.manager.follower.thread.pool.size`."),
    broker("remote.log.metadata.custom.metadata.max.bytes", Int)
        .default("128")
        .at_least(0)
        .low()
        .doc("Most bytes of its own that a storage plug-in may keep for each segment."),
    broker("remote.log.metadata.manager.class.name", String)
        .default(
            "org.apache.kafka.server.log.remote.metadata.storage.\
             TopicBasedRemoteLogMetadataManager",
        )
        .allowed(Allowed::NonEmpty)
        .doc("Java class that keeps the list of tiered segments. Highwater cannot load it."),
    broker("remote.log.metadata.manager.class.path", String)
        .doc("Where the Java broker finds that class."),
    broker("remote.log.metadata.manager.impl.prefix", String)
        .default("rlmm.config.")
        .allowed(Allowed::NonEmpty)
        .doc("Prefix of the keys that are handed to that class."),
    broker("remote.log.metadata.manager.listener.name", String)
        .allowed(Allowed::NonEmpty)
        .doc("Listener over which that class talks to its own broker."),
    broker("remote.log.reader.max.pending.tasks", Int)
        .default("100")
        .at_least(1)
        .doc("Most reads that wait for tiered storage; more are refused."),
    broker("remote.log.reader.threads", Int)
        .default("10")
        .at_least(1)
        .cluster_wide()
        .doc("Threads that read from tiered storage."),
    broker("remote.log.storage.manager.class.name", String)
        .allowed(Allowed::NonEmpty)
        .doc("Java class that stores tiered segments. Highwater cannot load it."),
    broker("remote.log.storage.manager.class.path", String)
        .doc("Where the Java broker finds that class."),
    broker("remote.log.storage.manager.impl.prefix", String)
        .default("rsm.config.")
        .allowed(Allowed::NonEmpty)
        .doc("Prefix of the keys that are handed to that class."),
    broker("remote.log.storage.system.enable", Boolean)
        .default("false")
        .doc("Whether the broker uses tiered storage, which Highwater does not have."),
];
