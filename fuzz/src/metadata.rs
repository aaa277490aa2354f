//! Metadata records: ours, as the metadata log holds them, and Kafka's, as an import reads them.

use highwater_metadata::kafka::{KafkaImage, KafkaRecord};
use highwater_metadata::{
    ClusterRecord, ConfigRecord, ConfigResource, ConfigResourceType, FeatureLevelRecord,
    MetadataImage, MetadataRecord, PartitionChange, ProducerIdsRecord, TopicRecord,
};
use highwater_types::{BrokerId, PartitionIndex, ProducerId, TopicId, TopicName};

use crate::{piece, put_piece};

/// Reads the first byte as whose records follow, and then one record from each piece.
pub fn run(data: &[u8]) {
    let Some((whose, mut rest)) = data.split_first() else {
        return;
    };
    let pieces = std::iter::from_fn(|| piece(&mut rest));
    if whose % 2 == 0 {
        ours(pieces);
    } else {
        kafkas(pieces);
    }
}

fn ours<'a>(pieces: impl Iterator<Item = &'a [u8]>) {
    let mut image = MetadataImage::new();
    for bytes in pieces {
        let Ok(record) = MetadataRecord::decode(bytes) else {
            continue;
        };
        let again = MetadataRecord::decode(&record.to_bytes()).expect("what was written is read");
        assert_eq!(again.to_bytes(), record.to_bytes());
        if let Ok((next, _)) = image.apply(&[record]) {
            image = next;
        }
    }
    // What snapshots are made of.
    let records = image.to_records();
    let (copy, _) = MetadataImage::new()
        .apply(&records)
        .expect("an image is made of its records");
    assert_eq!(copy.to_records(), records);
}

fn kafkas<'a>(pieces: impl Iterator<Item = &'a [u8]>) {
    let mut image = KafkaImage::new();
    for bytes in pieces {
        if let Ok(record) = KafkaRecord::decode(bytes) {
            let _ = image.apply(record);
        }
    }
}

/// Frames as Apache Kafka 4.3 wrote them.
const KAFKAS: &[&str] = &[
    "010c00116d657461646174612e76657273696f6e001e00",
    "0104000401146d696e2e696e73796e632e7265706c69636173023100",
    "01020004612e626bc02dcd2fb14b12bce42ded29f94f5500",
    "010302000000006bc02dcd2fb14b12bce42ded29f94f5502000000010200000001010100000001000000000000000002c302d283ae6fbe9d83532fd6ed26f60500",
    "010900c040082338ab4e1683c88de9a54dd4ae00",
    "010f0000000001000000000000000d00000000000003e800",
    "010502000000006bc02dcd2fb14b12bce42ded29f94f55040001010104ffffffff0605020000000107050200000001",
];

/// A few records of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut ours = vec![0];
    for record in records() {
        put_piece(&mut ours, &record.to_bytes());
    }
    let mut kafkas = vec![1];
    for frame in KAFKAS {
        put_piece(&mut kafkas, &crate::seeds::hex(frame));
    }
    vec![ours, kafkas]
}

fn records() -> Vec<MetadataRecord> {
    let (topic, partition) = (TopicId([7; 16]), PartitionIndex(0));
    let mut change = PartitionChange::new(topic, partition);
    change.leader = Some(BrokerId(1));
    let mut records = vec![
        MetadataRecord::Cluster(ClusterRecord {
            cluster_id: "cluster".into(),
            format_version: 1,
        }),
        MetadataRecord::PartitionChange(change),
        MetadataRecord::Config(ConfigRecord {
            resource: ConfigResource {
                kind: ConfigResourceType::Topic,
                name: "orders".into(),
            },
            key: "retention.ms".into(),
            value: Some("1".into()),
        }),
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: "group.version".into(),
            level: 1,
        }),
        MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker: BrokerId(1),
            broker_epoch: 1,
            next: ProducerId(1000),
        }),
    ];
    if let Ok(name) = TopicName::new("orders") {
        records.insert(1, MetadataRecord::Topic(TopicRecord { name, id: topic }));
    }
    records
}
