//! Reading what is in the page cache.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{
    bench::{Bench, Subject, Topic, settle},
    driver::{ClosedLoop, Driver, Plan, Step},
    load::{Frame, Shape},
    process::Watched,
    record::Metrics,
    wire::{self, FetchFrom},
};

use super::produce::shares;

const PARTITIONS: u32 = 6;

/// Stored once and read in every turn.
const STORED_BYTES: u64 = 2_000_000_000;

/// What a consumer asks of one partition unless told otherwise.
const RESPONSE_BYTES_MAX: i32 = 1 << 20;

/// Reads 2 GB with one connection for each partition.
pub(super) fn page_cache(bench: &mut Bench, work: &str) -> Result<()> {
    let subjects = bench.present(&[Subject::HighwaterReplicated, Subject::Kafka]);
    let mut stored = Vec::new();
    for subject in &subjects {
        let topic = bench.topic(*subject, PARTITIONS)?;
        let frames = fill(&topic, STORED_BYTES)?;
        stored.push((*subject, topic, frames));
    }
    bench.turns(work, &subjects, |_, subject, duration| {
        let Some((_, topic, frames)) = stored.iter().find(|(who, ..)| *who == subject) else {
            bail!("nothing was stored for {}", subject.name());
        };
        turn(topic, frames, duration)
    })
}

/// Fills a topic with so many bytes of values in batches of one size, as fast as it goes.
pub(super) fn fill(topic: &Topic, value_bytes: u64) -> Result<Vec<Frame>> {
    let frames = Shape::filling(64 << 10, 1 << 10).frames(&topic.name, topic.partitions)?;
    let connections = frames.len();
    let hour = Duration::from_secs(3600);
    settle(0);
    let mut plan = ClosedLoop::new(shares(&frames, connections), 5, hour, value_bytes);
    Driver::connect(topic.address, connections)?.run(&mut plan)?;
    settle(0);
    Ok(frames)
}

fn turn(topic: &Topic, frames: &[Frame], duration: Duration) -> Result<Metrics> {
    let mut driver = Driver::connect(topic.address, frames.len())?;
    let mut plan = ReadAll::new(&topic.name, &frames[0], frames.len(), duration)?;
    topic.process.forget_peak();
    let before = (topic.process.cpu()?, Watched::myself().cpu()?);
    driver.run(&mut plan)?;
    let cpu = topic.process.cpu()?.since(before.0);
    let own = Watched::myself().cpu()?.since(before.1);
    let seconds = plan.elapsed.as_secs_f64();
    let gb = plan.bytes as f64 / 1e9;
    Ok(Metrics::default()
        .with("mb_per_s", gb * 1e3 / seconds)
        .with("cpu_s_per_gb", cpu / gb)
        .with("driver_cpu_s_per_gb", own / gb)
        .with("peak_rss_mib", topic.process.peak_rss_mib()?))
}

/// Reads every partition from its start to its end, one request at a time for each.
struct ReadAll<'a> {
    topic: &'a str,
    batch_bytes: usize,
    batch_records: i64,
    offsets: Vec<i64>,
    /// Partitions that are to be asked.
    open: Vec<usize>,
    in_flight: usize,
    started: Option<Instant>,
    duration: Duration,
    elapsed: Duration,
    bytes: u64,
}

impl<'a> ReadAll<'a> {
    fn new(topic: &'a str, frame: &Frame, partitions: usize, duration: Duration) -> Result<Self> {
        Ok(Self {
            topic,
            batch_bytes: frame.batch_bytes,
            batch_records: i64::try_from(frame.records)?,
            offsets: vec![0; partitions],
            open: (0..partitions).collect(),
            in_flight: 0,
            started: None,
            duration,
            elapsed: Duration::ZERO,
            bytes: 0,
        })
    }
}

impl Plan for ReadAll<'_> {
    fn step(&mut self, now: Instant) -> Result<Step> {
        let deadline = *self.started.get_or_insert(now) + self.duration;
        let next = if now < deadline {
            self.open.pop()
        } else {
            None
        };
        if let Some(partition) = next {
            self.in_flight += 1;
            let frame = wire::fetch(&FetchFrom {
                topic: self.topic,
                partition: i32::try_from(partition)?,
                offset: self.offsets[partition],
                bytes_max: RESPONSE_BYTES_MAX,
                wait_ms_max: 0,
            });
            return Ok(Step::Send(partition, frame.into()));
        }
        if self.in_flight == 0 {
            return Ok(Step::Finished);
        }
        if now > deadline + Duration::from_secs(60) {
            bail!("{} fetches were not answered", self.in_flight);
        }
        Ok(Step::WaitUntil(now + Duration::from_secs(1)))
    }

    fn on_response(&mut self, partition: usize, head: &[u8], now: Instant) -> Result<()> {
        let bytes = wire::fetched(head)?;
        self.in_flight -= 1;
        self.bytes += bytes as u64;
        // The last batch of a response may be cut off; it is asked for again.
        self.offsets[partition] += (bytes / self.batch_bytes) as i64 * self.batch_records;
        if bytes >= self.batch_bytes {
            self.open.push(partition);
        }
        if let Some(started) = self.started {
            self.elapsed = now - started;
        }
        Ok(())
    }
}
