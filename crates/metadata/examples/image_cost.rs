//! What an image costs to change: run with `cargo run --release -p highwater-metadata --example
//! image_cost`. The figures in the README come from here.
#![expect(
    clippy::print_stdout,
    reason = "its output is what this program is for"
)]

use std::error::Error;
use std::time::Instant;

use highwater_metadata::{
    BrokerList, ConfigRecord, ConfigResource, MetadataImage, MetadataRecord, PartitionChange,
    PartitionImage, PartitionRecord, TopicRecord,
};
use highwater_types::{BrokerId, NameError, PartitionIndex, TopicId, TopicName};

const TOPICS: u32 = 10_000;

fn id(number: u32) -> TopicId {
    // Random ids fall anywhere in the tree; so do these.
    let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    TopicId(spread.to_be_bytes())
}

fn topic(number: u32, partitions: i32) -> Result<Vec<MetadataRecord>, NameError> {
    let name = TopicName::new(&format!("topic-{number}"))?;
    let mut records = vec![MetadataRecord::Topic(TopicRecord {
        name,
        id: id(number),
    })];
    records.extend((0..partitions).map(|index| {
        let replicas = BrokerList::from([1, 2, 3].map(BrokerId));
        let image = PartitionImage::new(replicas.clone(), replicas, BrokerId(1));
        let partition = PartitionIndex(index);
        MetadataRecord::Partition(PartitionRecord {
            topic: id(number),
            partition,
            image,
        })
    }));
    Ok(records)
}

fn one_by_one(
    what: &str,
    image: &mut MetadataImage,
    records: &[Vec<MetadataRecord>],
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    for records in records {
        // The reader's clone is what forces every change to copy.
        let reader = image.clone();
        *image = image.apply(records)?.0;
        drop(reader);
    }
    let took = start.elapsed();
    println!("{what:<58}{:>7.1} ms", took.as_secs_f64() * 1e3);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let all: Vec<Vec<MetadataRecord>> = (0..TOPICS)
        .map(|number| topic(number, 1))
        .collect::<Result<_, _>>()?;
    let mut image = MetadataImage::new();
    one_by_one("create 10,000 topics, one by one", &mut image, &all)?;
    let mut at_once = MetadataImage::new();
    one_by_one(
        "create 10,000 topics at once",
        &mut at_once,
        &[all.concat()],
    )?;
    let changes: Vec<Vec<MetadataRecord>> = (0..TOPICS)
        .map(|number| {
            let mut change = PartitionChange::new(id(number), PartitionIndex(0));
            change.leader = Some(BrokerId(2));
            vec![MetadataRecord::PartitionChange(change)]
        })
        .collect();
    one_by_one(
        "10,000 leader changes among 10,000 topics, one by one",
        &mut image,
        &changes,
    )?;
    let configs: Vec<Vec<MetadataRecord>> = (0..TOPICS)
        .map(|number| {
            vec![MetadataRecord::Config(ConfigRecord {
                resource: ConfigResource::topic(&format!("topic-{number}")),
                key: "retention.ms".into(),
                value: Some("1000".into()),
            })]
        })
        .collect();
    one_by_one(
        "10,000 configuration changes, one by one",
        &mut image,
        &configs,
    )?;
    let mut wide = MetadataImage::new();
    one_by_one(
        "create a topic of 10,000 partitions",
        &mut wide,
        &[topic(0, 10_000)?],
    )?;
    let changes: Vec<Vec<MetadataRecord>> = (0..10_000)
        .map(|index| {
            let mut change = PartitionChange::new(id(0), PartitionIndex(index));
            change.leader = Some(BrokerId(2));
            vec![MetadataRecord::PartitionChange(change)]
        })
        .collect();
    one_by_one(
        "10,000 leader changes in that topic, one by one",
        &mut wide,
        &changes,
    )?;
    let start = Instant::now();
    let snapshot = image.to_records();
    let bytes: usize = snapshot.iter().map(|record| record.to_bytes().len()).sum();
    println!(
        "a snapshot of {} records, {bytes} bytes: {:?}",
        snapshot.len(),
        start.elapsed()
    );
    Ok(())
}
