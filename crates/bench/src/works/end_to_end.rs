//! From a record's birth at a producer to its arrival at a consumer that waits for it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    bench::{Bench, Subject, Topic, settle},
    driver::{Driver, Plan, Step, due_at},
    load::{Frame, Shape},
    record::Metrics,
    wire::{self, FetchFrom},
};

use super::open_loop::ages;

const RECORDS_PER_SECOND: u64 = 10_000;
const VALUE_BYTES: usize = 1 << 10;
const PRODUCER: usize = 0;
const CONSUMER: usize = 1;

/// How long the last records may take.
const DRAIN: Duration = Duration::from_secs(30);

const SUBJECTS: [Subject; 3] = [
    Subject::Highwater,
    Subject::HighwaterReplicated,
    Subject::Kafka,
];

/// With a producer that gathers for 5 ms.
pub(super) fn lingering(bench: &mut Bench, work: &str) -> Result<()> {
    run(bench, work, Duration::from_millis(5))
}

/// With a producer that sends each record at once.
pub(super) fn at_once(bench: &mut Bench, work: &str) -> Result<()> {
    run(bench, work, Duration::ZERO)
}

fn run(bench: &mut Bench, work: &str, linger: Duration) -> Result<()> {
    bench.turns(work, &SUBJECTS, |bench, subject, duration| {
        let topic = bench.topic(subject, 1)?;
        settle(0);
        // Rare latencies need a longer turn.
        turn(&topic, linger, duration + bench.bounds.turn)
    })
}

fn turn(topic: &Topic, linger: Duration, duration: Duration) -> Result<Metrics> {
    let gathered = linger.as_nanos() * u128::from(RECORDS_PER_SECOND) / 1_000_000_000;
    let shape = Shape {
        records: usize::try_from(gathered)?.max(1),
        value_bytes: VALUE_BYTES,
    };
    let interval =
        Duration::from_nanos(1_000_000_000 / RECORDS_PER_SECOND) * u32::try_from(shape.records)?;
    let batches = duration.as_nanos() / interval.as_nanos();
    let mut plan = EndToEnd {
        topic: &topic.name,
        frame: shape.frame(&topic.name, 0)?,
        interval,
        ages: ages(shape.records, linger),
        batches_max: u64::try_from(batches)?,
        started: None,
        sent: 0,
        unacknowledged: 0,
        arrived: 0,
        waiting: false,
        due: VecDeque::new(),
        latencies: Vec::new(),
    };
    let mut driver = Driver::connect(topic.address, 2)?;
    let before = topic.process.cpu()?;
    driver.run(&mut plan)?;
    let cpu = topic.process.cpu()?.since(before);
    Ok(Metrics::default()
        .with("cpu_us_per_request", cpu * 1e6 / batches as f64)
        .with_latencies(plan.latencies))
}

/// One producer at a fixed rate, and one consumer that always has a fetch waiting.
struct EndToEnd<'a> {
    topic: &'a str,
    frame: Frame,
    interval: Duration,
    ages: Vec<Duration>,
    batches_max: u64,
    started: Option<Instant>,
    sent: u64,
    unacknowledged: u64,
    arrived: u64,
    /// Whether a fetch is on its way.
    waiting: bool,
    /// When the batches that have not arrived were to be sent.
    due: VecDeque<Instant>,
    latencies: Vec<Duration>,
}

impl EndToEnd<'_> {
    fn fetch(&self) -> Result<Step> {
        let frame = wire::fetch(&FetchFrom {
            topic: self.topic,
            partition: 0,
            offset: i64::try_from(self.arrived * self.frame.records)?,
            bytes_max: 50 << 20,
            wait_ms_max: 500,
        });
        Ok(Step::Send(CONSUMER, frame.into()))
    }
}

impl Plan for EndToEnd<'_> {
    fn step(&mut self, now: Instant) -> Result<Step> {
        let started = *self.started.get_or_insert(now);
        let due = due_at(started, self.interval, self.sent);
        let more = self.sent < self.batches_max;
        if more && now >= due {
            self.sent += 1;
            self.unacknowledged += 1;
            self.due.push_back(due);
            return Ok(Step::Send(PRODUCER, self.frame.bytes.clone()));
        }
        if !self.waiting && self.arrived < self.batches_max {
            self.waiting = true;
            return self.fetch();
        }
        if !more && self.arrived == self.sent && self.unacknowledged == 0 && !self.waiting {
            return Ok(Step::Finished);
        }
        if !more && now >= due + DRAIN {
            bail!("{} batches did not arrive", self.sent - self.arrived);
        }
        Ok(Step::WaitUntil(if more { due } else { due + DRAIN }))
    }

    fn on_response(&mut self, connection: usize, head: &[u8], now: Instant) -> Result<()> {
        if connection == PRODUCER {
            wire::produced(head)?;
            self.unacknowledged -= 1;
            return Ok(());
        }
        self.waiting = false;
        for _ in 0..wire::fetched(head)? / self.frame.batch_bytes {
            let Some(due) = self.due.pop_front() else {
                bail!("more arrived than was sent");
            };
            self.arrived += 1;
            let late = now.saturating_duration_since(due);
            self.latencies
                .extend(self.ages.iter().map(|age| late + *age));
        }
        Ok(())
    }
}
