//! Kafka's own metrics, under the names that the usual rules of the JMX exporter give them.

use highwater_broker::PartitionView;

use super::{Family, Source, counter, gauge};

/// What Kafka's brokers call the state of a broker that serves.
const RUNNING: u8 = 3;

pub(super) const FAMILIES: &[Family] = &[
    counter(
        "kafka_server_brokertopicmetrics_messagesin_total",
        "Records written by clients; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.messages_in),
    ),
    counter(
        "kafka_server_brokertopicmetrics_bytesin_total",
        "Bytes of record batches written by clients; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.bytes_in),
    ),
    counter(
        "kafka_server_brokertopicmetrics_bytesout_total",
        "Bytes of record batches sent to clients; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.bytes_out),
    ),
    counter(
        "kafka_server_brokertopicmetrics_totalproducerequests_total",
        "Partitions written to by produce requests, be it in vain; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.produce_requests),
    ),
    counter(
        "kafka_server_brokertopicmetrics_failedproducerequests_total",
        "Partitions of produce requests that were refused; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.produce_failures),
    ),
    counter(
        "kafka_server_brokertopicmetrics_totalfetchrequests_total",
        "Partitions read by fetch requests, be it in vain; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.fetch_requests),
    ),
    counter(
        "kafka_server_brokertopicmetrics_failedfetchrequests_total",
        "Partitions of fetch requests that were refused; without a label for all topics together.",
        Source::Traffic(|traffic| traffic.fetch_failures),
    ),
    gauge(
        "kafka_server_kafkaserver_brokerstate",
        "3 while the broker serves, as Kafka's.",
        Source::Node(|_, out| out.put(&[], RUNNING)),
    ),
    gauge(
        "kafka_server_replicamanager_partitioncount",
        "Partitions on this broker.",
        Source::Node(|scrape, out| out.put(&[], scrape.partitions.len() + scrape.unserved)),
    ),
    gauge(
        "kafka_server_replicamanager_leadercount",
        "Partitions that this broker leads.",
        Source::Node(|scrape, out| out.put(&[], scrape.count(|one| one.is_leader))),
    ),
    gauge(
        "kafka_server_replicamanager_underreplicatedpartitions",
        "Partitions led here of which not all replicas are in sync.",
        Source::Node(|scrape, out| {
            let lagging = |one: &PartitionView| one.is_leader && one.in_sync < one.replicas;
            out.put(&[], scrape.count(lagging));
        }),
    ),
    gauge(
        "kafka_server_replicamanager_underminisrpartitioncount",
        "Partitions led here that refuse acks=all because too few replicas are in sync.",
        Source::Node(|scrape, out| {
            let under = |one: &PartitionView| one.is_leader && one.is_under_min_isr;
            out.put(&[], scrape.count(under));
        }),
    ),
    gauge(
        "kafka_server_replicamanager_atminisrpartitioncount",
        "Partitions led here of which just as many replicas are in sync as must be.",
        Source::Node(|scrape, out| out.put(&[], scrape.count(is_at_min_isr))),
    ),
    gauge(
        "kafka_server_replicamanager_offlinereplicacount",
        "Partitions on this broker that cannot be served: their directory is offline, or they could not be opened.",
        Source::Node(|scrape, out| {
            out.put(&[], scrape.count(|one| one.is_offline) + scrape.unserved);
        }),
    ),
    gauge(
        "kafka_controller_kafkacontroller_activecontrollercount",
        "1 if this node is the active controller.",
        Source::Node(|_, out| out.put(&[], 1)),
    ),
    gauge(
        "kafka_controller_kafkacontroller_activebrokercount",
        "Brokers that take part in the cluster.",
        Source::Node(|scrape, out| out.put(&[], scrape.cluster.brokers.len())),
    ),
    gauge(
        "kafka_controller_kafkacontroller_fencedbrokercount",
        "Brokers that are known and do not take part.",
        Source::Node(|scrape, out| out.put(&[], scrape.cluster.fenced)),
    ),
    gauge(
        "kafka_controller_kafkacontroller_globaltopiccount",
        "Topics of the cluster.",
        Source::Node(|scrape, out| out.put(&[], scrape.cluster.topics)),
    ),
    gauge(
        "kafka_controller_kafkacontroller_globalpartitioncount",
        "Partitions of the cluster.",
        Source::Node(|scrape, out| out.put(&[], scrape.cluster.partitions)),
    ),
    gauge(
        "kafka_controller_kafkacontroller_offlinepartitionscount",
        "Partitions that no broker can serve.",
        Source::Node(|scrape, out| {
            let offline = scrape.count(|one| one.is_offline && one.is_leader);
            let all = offline + scrape.unserved + scrape.cluster.without_leader;
            out.put(&[], all);
        }),
    ),
    gauge(
        "kafka_cluster_partition_replicascount",
        "Replicas of a partition.",
        Source::Partition(|partition| partition.replicas as i64),
    ),
    gauge(
        "kafka_cluster_partition_insyncreplicascount",
        "Replicas of a partition that are in sync.",
        Source::Partition(|partition| partition.in_sync as i64),
    ),
    gauge(
        "kafka_cluster_partition_underreplicated",
        "1 if this broker leads the partition and not all replicas are in sync.",
        Source::Partition(|one| i64::from(one.is_leader && one.in_sync < one.replicas)),
    ),
    gauge(
        "kafka_cluster_partition_underminisr",
        "1 if this broker leads the partition and too few replicas are in sync for acks=all.",
        Source::Partition(|one| i64::from(one.is_leader && one.is_under_min_isr)),
    ),
    gauge(
        "kafka_cluster_partition_atminisr",
        "1 if this broker leads the partition and just as many replicas are in sync as must be.",
        Source::Partition(|one| i64::from(is_at_min_isr(one))),
    ),
    gauge(
        "kafka_log_log_size",
        "Bytes of a partition's segments.",
        Source::Partition(|one| i64::try_from(one.size_bytes).unwrap_or(i64::MAX)),
    ),
    gauge(
        "kafka_log_log_logstartoffset",
        "First offset of a partition.",
        Source::Partition(|partition| partition.log_start.get()),
    ),
    gauge(
        "kafka_log_log_logendoffset",
        "Offset behind the last record of a partition, be it committed or not.",
        Source::Partition(|partition| partition.log_end.get()),
    ),
    gauge(
        "kafka_log_log_numlogsegments",
        "Segments of a partition.",
        Source::Partition(|partition| partition.segments as i64),
    ),
    gauge(
        "kafka_log_logmanager_offlinelogdirectorycount",
        "Log directories that failed.",
        Source::Node(|scrape, out| {
            let offline = scrape.log_dirs.iter().filter(|dir| !dir.is_online);
            out.put(&[], offline.count());
        }),
    ),
    counter(
        "kafka_network_requestmetrics_requests_total",
        "Requests by API.",
        Source::Node(|scrape, out| {
            for api in &scrape.apis {
                out.put(&[("request", &api.name)], api.requests);
            }
        }),
    ),
    gauge(
        "kafka_server_socket_server_metrics_connection_count",
        "Connections of clients that are open.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.connections().open)),
    ),
    counter(
        "kafka_server_socket_server_metrics_connection_creation_total",
        "Connections of clients that were accepted.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.connections().accepted)),
    ),
    gauge(
        "kafka_server_fetchsessioncache_numincrementalfetchsessions",
        "Incremental fetch sessions.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.fetch_sessions().0)),
    ),
    gauge(
        "kafka_server_fetchsessioncache_numincrementalfetchpartitionscached",
        "Partitions in incremental fetch sessions.",
        Source::Node(|scrape, out| out.put(&[], scrape.view.fetch_sessions().1)),
    ),
    gauge(
        "kafka_server_kafkaserver_linux_disk_read_bytes",
        "Bytes that this process has read from disks.",
        Source::Node(|scrape, out| out.put_known(scrape.process.disk_read_bytes)),
    ),
    gauge(
        "kafka_server_kafkaserver_linux_disk_write_bytes",
        "Bytes that this process has written to disks.",
        Source::Node(|scrape, out| out.put_known(scrape.process.disk_write_bytes)),
    ),
];

fn is_at_min_isr(partition: &PartitionView) -> bool {
    partition.is_leader && partition.in_sync == partition.min_in_sync
}
