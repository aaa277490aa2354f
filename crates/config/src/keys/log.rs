//! Keys of logs.

use crate::definition::ValueType::{Boolean, Int, List, Long, String};
use crate::definition::{Allowed, KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("auto.create.topics.enable", Boolean)
        .default("true")
        .high()
        .effective()
        .doc(
            "Whether a client that asks for the metadata of a topic that does not exist \
             creates it, with `num.partitions` and `default.replication.factor`, provided \
             the client allows it too.",
        ),
    broker("background.threads", Int)
        .default("10")
        .at_least(1)
        .cluster_wide()
        .high()
        .doc(
            "Threads for work that no client waits for, such as retention and deletion of \
             files. Highwater has two, whatever is set.",
        ),
    broker("compression.gzip.level", Int)
        .default("-1")
        .allowed(Allowed::GzipLevel)
        .cluster_wide()
        .effective()
        .doc(
            "Level with which the broker compresses where `compression.type` is gzip: 1 \
             is fastest, 9 is smallest, −1 is the default of the codec.",
        ),
    broker("compression.lz4.level", Int)
        .default("9")
        .between(1, 17)
        .cluster_wide()
        .effective()
        .doc(
            "Level with which the broker compresses where `compression.type` is lz4, 1 to \
             17; a higher one is slower and smaller.",
        ),
    broker("compression.type", String)
        .default("producer")
        .allowed(Allowed::OneOf(&[
            "uncompressed",
            "zstd",
            "lz4",
            "snappy",
            "gzip",
            "producer",
        ]))
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "How batches of topics are compressed on disk: `producer` keeps what the \
             producer sent, `uncompressed` stores plain, a codec recompresses whatever \
             came in another.",
        ),
    broker("compression.zstd.level", Int)
        .default("3")
        .between(-131072, 22)
        .cluster_wide()
        .effective()
        .doc(
            "Level with which the broker compresses where `compression.type` is zstd; up \
             to 22, negative ones trade size for speed.",
        ),
    broker("cordoned.log.dirs", List)
        .default("")
        .per_broker()
        .doc("Log directories that take no new partitions, or `*` for all of them."),
    broker("delete.topic.enable", Boolean)
        .default("true")
        .high()
        .effective()
        .doc("Whether topics can be deleted. If false, DeleteTopics is refused."),
    broker("log.cleanup.policy", List)
        .default("delete")
        .allowed(Allowed::ListOf(&["compact", "delete"]))
        .cluster_wide()
        .effective()
        .doc(
            "Default of `cleanup.policy`: `delete` removes old segments, `compact` keeps \
             the last record of each key, both do both, an empty list keeps everything.",
        ),
    broker("log.dir", List)
        .default("/tmp/kafka-logs")
        .high()
        .effective()
        .doc(
            "Older name of `log.dirs`; counts only where `log.dirs` is not set. Its \
             default is Kafka's and never used.",
        ),
    broker("log.dir.failure.timeout.ms", Long)
        .default("30000")
        .at_least(1)
        .low()
        .doc(
            "How many milliseconds a broker has to tell the controller of a failed log \
             directory before it stops.",
        ),
    broker("log.dirs", List)
        .default("./highwater-data")
        .high()
        .effective()
        .doc(
            "Directories of the logs, as a list; partitions are spread over them, and if \
             one fails the others go on. Relative paths start at the working directory. \
             Highwater's default is `./highwater-data`, where Kafka falls back on \
             `log.dir`.",
        ),
    broker("log.flush.interval.messages", Long)
        .default("9223372036854775807")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `flush.messages`: after how many records of a partition a flush \
             is forced. Only matters with durability `replicated`.",
        ),
    broker("log.flush.interval.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `flush.ms`: an age in milliseconds at which unflushed records are \
             flushed. Not set, `log.flush.scheduler.interval.ms` counts. Only matters with \
             durability `replicated`.",
        ),
    broker("log.flush.offset.checkpoint.interval.ms", Int)
        .default("60000")
        .at_least(0)
        .high()
        .doc(
            "How often, in milliseconds, the Java broker writes recovery points down. \
             Highwater notes several times a second what is flushed, and writes this file \
             with the high watermarks, every \
             `replica.high.watermark.checkpoint.interval.ms`.",
        ),
    broker("log.flush.scheduler.interval.ms", Long)
        .default("9223372036854775807")
        .high()
        .effective()
        .doc(
            "Stands in for `log.flush.interval.ms` where that is not set, in \
             milliseconds.",
        ),
    broker("log.flush.start.offset.checkpoint.interval.ms", Int)
        .default("60000")
        .at_least(0)
        .high()
        .doc(
            "How often, in milliseconds, the Java broker writes log start offsets down. \
             Highwater notes each when it moves, and writes the file with the high \
             watermarks, every `replica.high.watermark.checkpoint.interval.ms`.",
        ),
    broker("log.index.interval.bytes", Int)
        .default("4096")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(
            "Default of `index.interval.bytes`: bytes of records between two entries of \
             the offset index.",
        ),
    broker("log.index.size.max.bytes", Int)
        .default("10485760")
        .at_least(4)
        .cluster_wide()
        .effective()
        .doc("Default of `segment.index.bytes`: largest size of an index file in bytes."),
    broker("log.initial.task.delay.ms", Long)
        .default("30000")
        .at_least(0)
        .low()
        .internal()
        .effective()
        .doc("How many milliseconds retention and similar work wait after the start."),
    broker("log.message.timestamp.after.max.ms", Long)
        .default("3600000")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(
            "Default of `message.timestamp.after.max.ms`: how many milliseconds a \
             record's time may be ahead of the broker's clock.",
        ),
    broker("log.message.timestamp.before.max.ms", Long)
        .default("9223372036854775807")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(
            "Default of `message.timestamp.before.max.ms`: how many milliseconds a \
             record's time may be behind the broker's clock.",
        ),
    broker("log.message.timestamp.type", String)
        .default("CreateTime")
        .allowed(Allowed::OneOf(&["CreateTime", "LogAppendTime"]))
        .cluster_wide()
        .effective()
        .doc(
            "Default of `message.timestamp.type`: whether records carry the producer's \
             time or the broker's.",
        ),
    broker("log.preallocate", Boolean)
        .default("false")
        .cluster_wide()
        .doc("Default of `preallocate`."),
    broker("log.retention.bytes", Long)
        .default("-1")
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `retention.bytes`: bytes at which the oldest segments of a \
             partition are deleted; −1 for no limit.",
        ),
    broker("log.retention.check.interval.ms", Long)
        .default("300000")
        .at_least(1)
        .effective()
        .doc(
            "How often, in milliseconds, it is looked for segments that are past their \
             retention.",
        ),
    broker("log.retention.hours", Int)
        .default("168")
        .high()
        .effective()
        .doc(
            "Default age of records in hours; counts where neither `log.retention.ms` nor \
             `log.retention.minutes` is set. Below 0 for no limit.",
        ),
    broker("log.retention.minutes", Int).high().effective().doc(
        "Default age of records in minutes; counts where `log.retention.ms` is not \
             set.",
    ),
    broker("log.retention.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `retention.ms`: age in milliseconds at which segments are \
             deleted; −1 for no limit. Not set, `log.retention.minutes` counts, then \
             `log.retention.hours`.",
        ),
    broker("log.roll.hours", Int)
        .default("168")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "Default age in hours at which a segment is closed; counts where \
             `log.roll.ms` is not set.",
        ),
    broker("log.roll.jitter.hours", Int)
        .default("0")
        .at_least(0)
        .high()
        .effective()
        .doc(
            "Default of `segment.jitter.ms` in hours; counts where `log.roll.jitter.ms` \
             is not set.",
        ),
    broker("log.roll.jitter.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `segment.jitter.ms`: up to how many milliseconds earlier a \
             segment may be closed, so that not all are closed at once.",
        ),
    broker("log.roll.ms", Long)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `segment.ms`: age in milliseconds at which a segment is closed. \
             Not set, `log.roll.hours` counts.",
        ),
    broker("log.segment.bytes", Int)
        .default("1073741824")
        .at_least(1048576)
        .cluster_wide()
        .high()
        .effective()
        .doc("Default of `segment.bytes`: size in bytes at which a segment is closed."),
    broker("log.segment.delete.delay.ms", Long)
        .default("60000")
        .at_least(0)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Default of `file.delete.delay.ms`: how many milliseconds a deleted segment \
             stays on disk, for readers that still use it.",
        ),
    broker("message.max.bytes", Int)
        .default("1048588")
        .at_least(0)
        .cluster_wide()
        .high()
        .effective()
        .doc("Default of `max.message.bytes`: largest batch, as it is stored, in bytes."),
    broker("num.partitions", Int)
        .default("1")
        .at_least(1)
        .effective()
        .doc("Partitions of a topic that is created without saying how many."),
    broker("num.recovery.threads.per.data.dir", Int)
        .default("2")
        .at_least(1)
        .cluster_wide()
        .high()
        .effective()
        .doc(
            "Threads for each log directory that recover logs at the start and flush them \
             at the stop.",
        ),
];
