//! Producing as fast as the broker acknowledges.

use std::time::Duration;

use anyhow::Result;

use crate::{
    bench::{Bench, Subject, settle},
    driver::{ClosedLoop, Driver},
    load::{Frame, Shape},
    process::Watched,
    record::Metrics,
};

const PARTITIONS: u32 = 6;

/// Requests in flight on each connection, as Kafka's own producer has them.
const WINDOW: usize = 5;

struct Load {
    shape: Shape,
    connections: usize,
}

/// 1 KiB records in 64 KiB requests.
pub(super) fn large(bench: &mut Bench, work: &str) -> Result<()> {
    let load = Load {
        shape: Shape::filling(64 << 10, 1 << 10),
        connections: 6,
    };
    let subjects = [
        Subject::Highwater,
        Subject::HighwaterReplicated,
        Subject::Kafka,
        Subject::KafkaFlushed,
    ];
    run(bench, work, &load, &subjects)
}

/// Few records in each request, many connections.
pub(super) fn small(bench: &mut Bench, work: &str) -> Result<()> {
    let load = Load {
        shape: Shape {
            records: 4,
            value_bytes: 100,
        },
        connections: 16,
    };
    let subjects = [
        Subject::Highwater,
        Subject::HighwaterReplicated,
        Subject::Kafka,
    ];
    run(bench, work, &load, &subjects)
}

/// Many records in each batch.
pub(super) fn hundred_bytes(bench: &mut Bench, work: &str) -> Result<()> {
    let load = Load {
        shape: Shape::filling(16 << 10, 100),
        connections: 6,
    };
    let subjects = [
        Subject::Highwater,
        Subject::HighwaterReplicated,
        Subject::Kafka,
    ];
    run(bench, work, &load, &subjects)
}

fn run(bench: &mut Bench, work: &str, load: &Load, subjects: &[Subject]) -> Result<()> {
    bench.turns(work, subjects, |bench, subject, duration| {
        turn(bench, subject, load, duration)
    })
}

fn turn(bench: &mut Bench, subject: Subject, load: &Load, duration: Duration) -> Result<Metrics> {
    let topic = bench.topic(subject, PARTITIONS)?;
    let frames = load.shape.frames(&topic.name, topic.partitions)?;
    let mut driver = Driver::connect(topic.address, load.connections)?;
    let mut plan = ClosedLoop::new(
        shares(&frames, load.connections),
        WINDOW,
        duration,
        bench.bounds.turn_bytes_max,
    );
    settle(bench.bounds.turn_bytes_max);
    topic.process.forget_peak();
    let before = (topic.process.cpu()?, Watched::myself().cpu()?);
    driver.run(&mut plan)?;
    let cpu = topic.process.cpu()?.since(before.0);
    let own = Watched::myself().cpu()?.since(before.1);
    let seconds = plan.elapsed().as_secs_f64();
    let gb = plan.value_bytes as f64 / 1e9;
    Ok(Metrics::default()
        .with("mb_per_s", gb * 1e3 / seconds)
        .with("records_per_s", plan.records as f64 / seconds)
        .with("cpu_s_per_gb", cpu / gb)
        .with("cpu_us_per_request", cpu * 1e6 / plan.requests as f64)
        .with("driver_cpu_s_per_gb", own / gb)
        .with("peak_rss_mib", topic.process.peak_rss_mib()?))
}

/// Spreads partitions over connections: each goes round all, from a place of its own.
pub(super) fn shares(frames: &[Frame], connections: usize) -> Vec<Vec<Frame>> {
    (0..connections)
        .map(|connection| {
            let mut share = frames.to_vec();
            share.rotate_left(connection % frames.len());
            share
        })
        .collect()
}
