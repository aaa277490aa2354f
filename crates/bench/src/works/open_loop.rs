//! Latency at a fixed rate, which the broker could hold many times over.

use std::time::Duration;

use anyhow::Result;

use crate::{
    bench::{Bench, Subject, Topic, settle},
    driver::{Driver, OpenLoop},
    load::{Frame, Shape},
    record::Metrics,
};

const PARTITIONS: u32 = 6;
const CONNECTIONS: u32 = 50;

const SUBJECTS: [Subject; 3] = [
    Subject::Highwater,
    Subject::HighwaterReplicated,
    Subject::Kafka,
];

struct Load {
    shape: Shape,
    /// From one request to the next, over all connections.
    interval: Duration,
    /// For how long a producer gathers records before it sends them.
    linger: Duration,
    /// Where the records of one request go.
    spread: Spread,
}

/// How a producer chooses partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// All records of a request go to the same one.
    One,
    /// Each has a key, and so every partition gets some.
    ByKey,
}

/// 5,000 requests a second of 5 records of 200 B.
pub(super) fn requests(bench: &mut Bench, work: &str) -> Result<()> {
    let load = Load {
        shape: Shape {
            records: 5,
            value_bytes: 200,
        },
        interval: Duration::from_micros(200),
        linger: Duration::ZERO,
        spread: Spread::One,
    };
    run(bench, work, &load)
}

/// 20,000 keyed records a second of 200 B from 50 producers that gather for 20 ms, and then send
/// one request with what they have for every partition.
pub(super) fn lingering(bench: &mut Bench, work: &str) -> Result<()> {
    let load = Load {
        shape: Shape {
            records: 8,
            value_bytes: 200,
        },
        interval: Duration::from_micros(400),
        linger: Duration::from_millis(20),
        spread: Spread::ByKey,
    };
    run(bench, work, &load)
}

fn run(bench: &mut Bench, work: &str, load: &Load) -> Result<()> {
    bench.turns(work, &SUBJECTS, |bench, subject, duration| {
        let topic = bench.topic(subject, PARTITIONS)?;
        settle(0);
        // Rare latencies need a longer turn.
        turn(&topic, load, duration + bench.bounds.turn)
    })
}

fn turn(topic: &Topic, load: &Load, duration: Duration) -> Result<Metrics> {
    let frames: Vec<Frame> = (0..CONNECTIONS)
        .map(|connection| {
            let (name, partition) = (&topic.name, connection % topic.partitions);
            match load.spread {
                Spread::One => load.shape.frame(name, i32::try_from(partition)?),
                Spread::ByKey => load.shape.keyed_frame(name, topic.partitions, partition),
            }
        })
        .collect::<Result<_>>()?;
    let requests = duration.as_nanos() / load.interval.as_nanos();
    let mut driver = Driver::connect(topic.address, frames.len())?;
    let mut plan = OpenLoop::new(
        frames,
        load.interval,
        u64::try_from(requests)?,
        ages(load.shape.records, load.linger),
    );
    let before = topic.process.cpu()?;
    driver.run(&mut plan)?;
    let cpu = topic.process.cpu()?.since(before);
    Ok(Metrics::default()
        .with("cpu_us_per_request", cpu * 1e6 / requests as f64)
        .with_latencies(plan.latencies))
}

/// How long before its request each record of a batch was born, if they come evenly and the
/// first of them is the one that the producer waits for.
pub(super) fn ages(records: usize, linger: Duration) -> Vec<Duration> {
    let count = u32::try_from(records).unwrap_or(1).max(1);
    (0..count)
        .map(|index| linger * (count - index) / count)
        .collect()
}
