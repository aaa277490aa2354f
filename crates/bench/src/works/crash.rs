//! How soon a broker serves again that was killed with much on its disk.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{
    bench::{Bench, Subject, settle},
    broker::Broker,
    control::{Control, until},
    driver::{ClosedLoop, Driver},
    load::{Frame, Shape},
    record::Metrics,
    wire::{self, FetchFrom},
};

use super::produce::shares;

const TOPIC: &str = "survivor";
const PARTITIONS: u32 = 12;
const CONNECTIONS: usize = 6;
const WITHIN: Duration = Duration::from_secs(600);

/// Fills, kills, starts, and asks at once.
pub(super) fn run(bench: &mut Bench, work: &str) -> Result<()> {
    for subject in bench.present(&[Subject::Highwater, Subject::Kafka]) {
        let mut broker = bench.fresh(subject.kind())?;
        broker.start()?;
        let frames = fill(&broker, bench.bounds.kill_bytes)?;
        broker.kill()?;
        settle(0);
        let started = Instant::now();
        broker.launch_again()?;
        let deadline = started + WITHIN;
        let mut control = Control::connect_when_up(broker.address, deadline)
            .with_context(|| broker.last_words())?;
        until(deadline, || {
            wire::produced(&control.call(&frames[0].bytes)?)
        })?;
        let first_ack_s = started.elapsed().as_secs_f64();
        until(deadline, || fetch_one(&mut control, 0))?;
        let first_fetch_s = started.elapsed().as_secs_f64();
        for partition in 1..i32::try_from(PARTITIONS)? {
            until(deadline, || fetch_one(&mut control, partition))?;
        }
        let metrics = Metrics::default()
            .with("stored_gb", bench.bounds.kill_bytes as f64 / 1e9)
            .with("first_ack_s", first_ack_s)
            .with("first_fetch_s", first_fetch_s)
            .with("all_fetched_s", started.elapsed().as_secs_f64());
        bench.add(work, subject.name(), 0, metrics)?;
        broker.stop()?;
    }
    Ok(())
}

fn fill(broker: &Broker, value_bytes: u64) -> Result<Vec<Frame>> {
    let mut control = Control::connect_when_up(broker.address, Instant::now() + WITHIN)
        .with_context(|| broker.last_words())?;
    control.create_topic(TOPIC, PARTITIONS, &[])?;
    let frames = Shape::filling(64 << 10, 1 << 10).frames(TOPIC, PARTITIONS)?;
    let hour = Duration::from_secs(3600);
    let mut plan = ClosedLoop::new(shares(&frames, CONNECTIONS), 5, hour, value_bytes);
    Driver::connect(broker.address, CONNECTIONS)?.run(&mut plan)?;
    Ok(frames)
}

fn fetch_one(control: &mut Control, partition: i32) -> Result<()> {
    let response = control.call(&wire::fetch(&FetchFrom {
        topic: TOPIC,
        partition,
        offset: 0,
        bytes_max: 1 << 20,
        wait_ms_max: 0,
    }))?;
    if wire::fetched(&response)? == 0 {
        bail!("nothing came from partition {partition}");
    }
    Ok(())
}
