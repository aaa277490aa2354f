//! What many partitions cost: to create, to write, to keep, and after a stop or a crash.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::{
    bench::{Bench, Subject, settle},
    broker::Broker,
    control::{Control, until},
    driver::{ClosedLoop, Driver},
    load::{Frame, Shape},
    record::Metrics,
    wire,
};

/// Kafka refuses to create 10,000 partitions with one request.
const TOPIC_PARTITIONS_MAX: u32 = 1_000;
const CONNECTIONS: usize = 4;
const WINDOW: usize = 16;
const WITHIN: Duration = Duration::from_secs(600);
const SUBJECTS: [Subject; 2] = [Subject::Highwater, Subject::Kafka];

/// A thousand.
pub(super) fn thousand(bench: &mut Bench, work: &str) -> Result<()> {
    let count = bench.bounds.partitions_max.min(1_000);
    run(bench, work, count)
}

/// Ten thousand.
pub(super) fn most(bench: &mut Bench, work: &str) -> Result<()> {
    let count = bench.bounds.partitions_max;
    run(bench, work, count)
}

fn run(bench: &mut Bench, work: &str, count: u32) -> Result<()> {
    for subject in bench.present(&SUBJECTS) {
        let mut broker = bench.fresh(subject.kind())?;
        broker.start()?;
        settle(0);
        let metrics = life(&mut broker, count).with_context(|| broker.last_words())?;
        bench.add(work, subject.name(), 0, metrics)?;
        broker.kill()?;
    }
    Ok(())
}

fn life(broker: &mut Broker, count: u32) -> Result<Metrics> {
    let shape = Shape {
        records: 1,
        value_bytes: 100,
    };
    let topics = topics(count);
    let mut frames = Vec::new();
    for (name, partitions) in &topics {
        frames.extend(shape.frames(name, *partitions)?);
    }
    let mut control = Control::connect_when_up(broker.address, Instant::now() + WITHIN)?;
    let started = Instant::now();
    for (name, partitions) in &topics {
        control.create_topic(name, *partitions, &[])?;
    }
    let created_s = started.elapsed().as_secs_f64();
    write_each(broker, &frames)?;
    let written_s = started.elapsed().as_secs_f64();
    let rss_mib = broker.process()?.rss_mib()?;
    let started = Instant::now();
    broker.stop()?;
    let stop_s = started.elapsed().as_secs_f64();
    let restart_s = until_served(broker, &topics, &frames)?;
    write_each(broker, &frames)?;
    broker.kill()?;
    let after_kill_s = until_served(broker, &topics, &frames)?;
    Ok(Metrics::default()
        .with("partitions", count.into())
        .with("create_s", created_s)
        .with("create_and_write_s", written_s)
        .with("rss_mib", rss_mib)
        .with("stop_s", stop_s)
        .with("restart_s", restart_s)
        .with("after_kill_s", after_kill_s))
}

/// Names of topics that have so many partitions together, and how many each has.
fn topics(count: u32) -> Vec<(String, u32)> {
    let firsts = (0..count).step_by(TOPIC_PARTITIONS_MAX as usize);
    firsts
        .map(|first| {
            (
                format!("wide-{first}"),
                (count - first).min(TOPIC_PARTITIONS_MAX),
            )
        })
        .collect()
}

/// One record to each partition, acknowledged.
fn write_each(broker: &Broker, frames: &[Frame]) -> Result<()> {
    let share = frames.len().div_ceil(CONNECTIONS);
    let shares: Vec<_> = frames.chunks(share).map(<[Frame]>::to_vec).collect();
    let connections = shares.len();
    let mut plan = ClosedLoop::once(shares, WINDOW, WITHIN);
    Driver::connect(broker.address, connections)?.run(&mut plan)
}

/// From the launch until every partition has a leader and the first and the last of them took a
/// record.
fn until_served(broker: &mut Broker, topics: &[(String, u32)], frames: &[Frame]) -> Result<f64> {
    let started = Instant::now();
    broker.launch_again()?;
    let deadline = started + WITHIN;
    let mut control = Control::connect_when_up(broker.address, deadline)?;
    for (name, partitions) in topics {
        control.await_leaders(name, *partitions, deadline)?;
    }
    for frame in [frames.first(), frames.last()].into_iter().flatten() {
        until(deadline, || wire::produced(&control.call(&frame.bytes)?))?;
    }
    Ok(started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_the_partitions_together() {
        for (count, expected) in [
            (1, vec![1]),
            (1_000, vec![1_000]),
            (2_500, vec![1_000, 1_000, 500]),
        ] {
            let found: Vec<_> = topics(count).into_iter().map(|(_, count)| count).collect();
            assert_eq!(found, expected, "{count}");
        }
    }
}
