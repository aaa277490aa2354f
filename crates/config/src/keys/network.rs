//! Keys of sockets, connections and requests.

use crate::definition::ValueType::{Int, List, Long, String};
use crate::definition::{KeyDef, broker};

pub(super) const KEYS: &[KeyDef] = &[
    broker("advertised.listeners", List).high().effective().doc(
        "What clients are told to connect to, as NAME://host:port entries with the \
             names of `listeners`. Must be reachable from where the clients are; 0.0.0.0 \
             is refused. Not set, the values of `listeners` are told.",
    ),
    broker("connections.max.idle.ms", Long)
        .default("600000")
        .effective()
        .doc(
            "After how many milliseconds without a request a connection is closed. Below \
             0 keeps connections for ever.",
        ),
    broker("delete.records.purgatory.purge.interval.requests", Int)
        .default("1")
        .doc(
            "After how many finished requests the Java broker clears its list of waiting \
             DeleteRecords requests. Highwater removes each at once.",
        ),
    broker("fetch.max.bytes", Int)
        .default("57671680")
        .at_least(1024)
        .effective()
        .doc(
            "Most bytes in the answer to one fetch, whatever the client asks for. The \
             first batch is returned even if it is larger.",
        ),
    broker("fetch.purgatory.purge.interval.requests", Int)
        .default("1000")
        .doc(
            "After how many finished requests the Java broker clears its list of waiting \
             fetches. Highwater removes each at once.",
        ),
    broker("inter.broker.listener.name", String).doc(
        "Name of the listener over which brokers talk to each other; must be \
             advertised. Not set, the one named after `security.inter.broker.protocol`. \
             Only one of the two may be set.",
    ),
    broker("listener.security.protocol.map", String)
        .default(
            "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,\
             SASL_PLAINTEXT:SASL_PLAINTEXT",
        )
        .low()
        .effective()
        .doc(
            "Which security protocol each listener name stands for, as NAME:PROTOCOL \
             entries. Needed for names that are no protocols themselves.",
        ),
    broker("listeners", List)
        .default("PLAINTEXT://127.0.0.1:9092")
        .high()
        .effective()
        .doc(
            "Where the broker accepts connections, as NAME://host:port entries. An empty \
             host or 0.0.0.0 means every interface, port 0 a free one. Highwater's \
             default binds to loopback only, where Kafka's binds to every interface; see \
             `allow.insecure.listeners`.",
        ),
    broker("max.connection.creation.rate", Int)
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .doc("Most new connections that the broker takes in a second."),
    broker("max.connections", Int)
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc(
            "Most connections that the broker holds at a time; more are closed at once. \
             Limits of one listener stand behind its prefix.",
        ),
    broker("max.connections.per.ip", Int)
        .default("2147483647")
        .at_least(0)
        .cluster_wide()
        .effective()
        .doc("Most connections from one address; more are closed at once."),
    broker("max.connections.per.ip.overrides", String)
        .default("")
        .cluster_wide()
        .effective()
        .doc("Other limits for some addresses or host names, as host:count entries."),
    broker("max.incremental.fetch.session.cache.slots", Int)
        .default("1000")
        .at_least(0)
        .effective()
        .doc(
            "Most incremental fetch sessions that are remembered; the others fetch in \
             full.",
        ),
    broker("max.request.partition.size.limit", Int)
        .default("2000")
        .at_least(1)
        .effective()
        .doc("Most partitions in the answer to one DescribeTopicPartitions request."),
    broker("num.io.threads", Int)
        .default("8")
        .at_least(1)
        .cluster_wide()
        .high()
        .doc(
            "Threads that carry out requests in the Java broker. Highwater has a thread for \
             each processor, and starts more when work waits for a disk.",
        ),
    broker("num.network.threads", Int)
        .default("3")
        .at_least(1)
        .cluster_wide()
        .high()
        .doc(
            "Threads that read and write sockets in the Java broker. Highwater has a thread \
             for each processor, which serves connections and requests.",
        ),
    broker("producer.purgatory.purge.interval.requests", Int)
        .default("1000")
        .doc(
            "After how many finished requests the Java broker clears its list of waiting \
             produce requests. Highwater removes each at once.",
        ),
    broker("queued.max.request.bytes", Long)
        .default("-1")
        .effective()
        .doc(
            "Bytes of requests that may be in memory at a time; reading from sockets \
             stops until there is room. −1 and 0, which are without bound in Kafka, mean \
             128 MiB here, or `socket.request.max.bytes` if that is more.",
        ),
    broker("queued.max.requests", Int)
        .default("500")
        .at_least(1)
        .high()
        .doc(
            "Most requests that the Java broker has read and not yet begun. Highwater \
             begins each as soon as it is read, and bounds their bytes by \
             `queued.max.request.bytes`.",
        ),
    broker("request.timeout.ms", Int)
        .default("30000")
        .high()
        .doc("How many milliseconds the broker waits for the answer of another node."),
    broker("socket.connection.setup.timeout.max.ms", Long)
        .default("30000")
        .doc(
            "Longest wait, in milliseconds, for a connection to another node after \
             several failures.",
        ),
    broker("socket.connection.setup.timeout.ms", Long)
        .default("10000")
        .doc("First wait, in milliseconds, for a connection to another node."),
    broker("socket.listen.backlog.size", Int)
        .default("50")
        .at_least(1)
        .doc(
            "Connections that the system may hold until the broker accepts them: 1,024 in \
             Highwater, or `net.core.somaxconn` if that is less.",
        ),
    broker("socket.receive.buffer.bytes", Int)
        .default("102400")
        .high()
        .effective()
        .doc(
            "Size in bytes of the receive buffer of each connection; −1 leaves it to the \
             system.",
        ),
    broker("socket.request.max.bytes", Int)
        .default("104857600")
        .at_least(1)
        .high()
        .effective()
        .doc(
            "Largest request in bytes. A larger one is refused from its announced length \
             and the connection closed.",
        ),
    broker("socket.send.buffer.bytes", Int)
        .default("102400")
        .high()
        .effective()
        .doc(
            "Size in bytes of the send buffer of each connection; −1 leaves it to the \
             system.",
        ),
];
