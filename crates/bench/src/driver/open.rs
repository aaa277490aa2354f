//! As often as a clock says, whether or not the broker keeps up.
//!
//! A latency counts from the instant at which a record was due, so that a broker which stalls
//! is charged for everything that had to wait meanwhile.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{Plan, Step};
use crate::{load::Frame, wire};

/// How long answers may be late at the end.
const DRAIN: Duration = Duration::from_secs(30);

/// Produces at a fixed rate and takes the time of every record.
pub(crate) struct OpenLoop {
    /// One frame for each connection, sent in turn.
    frames: Vec<Frame>,
    /// From one request to the next, over all connections.
    interval: Duration,
    requests_max: u64,
    /// How long before its request each record of it was born.
    ages: Vec<Duration>,
    started: Option<Instant>,
    sent: u64,
    answered: u64,
    due: Vec<VecDeque<Instant>>,
    /// Of every record.
    pub(crate) latencies: Vec<Duration>,
}

impl OpenLoop {
    /// Such a load of so many requests.
    pub(crate) fn new(
        frames: Vec<Frame>,
        interval: Duration,
        requests_max: u64,
        ages: Vec<Duration>,
    ) -> Self {
        Self {
            due: vec![VecDeque::new(); frames.len()],
            latencies: Vec::with_capacity(ages.len() * usize::try_from(requests_max).unwrap_or(0)),
            frames,
            interval,
            requests_max,
            ages,
            started: None,
            sent: 0,
            answered: 0,
        }
    }
}

/// The instant at which the `index`th request is due.
pub(crate) fn due_at(started: Instant, interval: Duration, index: u64) -> Instant {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    started + Duration::from_nanos(nanos.saturating_mul(index))
}

impl Plan for OpenLoop {
    fn step(&mut self, now: Instant) -> Result<Step> {
        let started = *self.started.get_or_insert(now);
        let due = due_at(started, self.interval, self.sent);
        if self.sent == self.requests_max {
            if self.answered == self.sent {
                return Ok(Step::Finished);
            }
            if now >= due + DRAIN {
                bail!("{} requests were not answered", self.sent - self.answered);
            }
            return Ok(Step::WaitUntil(due + DRAIN));
        }
        if now < due {
            return Ok(Step::WaitUntil(due));
        }
        let connection = usize::try_from(self.sent)? % self.frames.len();
        self.sent += 1;
        self.due[connection].push_back(due);
        Ok(Step::Send(
            connection,
            self.frames[connection].bytes.clone(),
        ))
    }

    fn on_response(&mut self, connection: usize, head: &[u8], now: Instant) -> Result<()> {
        wire::produced(head)?;
        let Some(due) = self.due[connection].pop_front() else {
            bail!("a response without a request");
        };
        self.answered += 1;
        let late = now.saturating_duration_since(due);
        self.latencies
            .extend(self.ages.iter().map(|age| late + *age));
        Ok(())
    }
}
