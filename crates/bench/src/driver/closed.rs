//! As fast as the broker answers: each connection keeps a window of requests in flight.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{Plan, Step};
use crate::{load::Frame, wire};

/// How long the last answers may take.
const DRAIN: Duration = Duration::from_secs(60);

/// Produces prepared frames as fast as they are acknowledged.
pub(crate) struct ClosedLoop {
    /// The frames that each connection sends in turn.
    frames: Vec<Vec<Frame>>,
    next: Vec<usize>,
    /// Whether a connection begins again behind its last frame.
    repeats: bool,
    /// Connections with room in their window, once for each free place.
    free: Vec<usize>,
    /// What each connection has in flight, as indexes of its frames.
    in_flight: Vec<VecDeque<usize>>,
    /// What came too early and is to be sent again.
    again: Vec<Vec<usize>>,
    value_bytes_max: u64,
    started: Option<Instant>,
    ended: Option<Instant>,
    deadline_after: Duration,
    /// What was sent and acknowledged.
    pub(crate) requests: u64,
    /// Records in them.
    pub(crate) records: u64,
    /// Bytes of their values.
    pub(crate) value_bytes: u64,
}

impl ClosedLoop {
    /// A load that ends after a time or an amount, whichever comes first.
    pub(crate) fn new(
        frames: Vec<Vec<Frame>>,
        window: usize,
        deadline_after: Duration,
        value_bytes_max: u64,
    ) -> Self {
        let connections = frames.len();
        Self {
            next: vec![0; connections],
            repeats: true,
            free: (0..connections * window)
                .map(|place| place % connections)
                .rev()
                .collect(),
            frames,
            in_flight: vec![VecDeque::new(); connections],
            again: vec![Vec::new(); connections],
            value_bytes_max,
            started: None,
            ended: None,
            deadline_after,
            requests: 0,
            records: 0,
            value_bytes: 0,
        }
    }

    /// A load that sends every frame once.
    pub(crate) fn once(frames: Vec<Vec<Frame>>, window: usize, deadline_after: Duration) -> Self {
        Self {
            repeats: false,
            ..Self::new(frames, window, deadline_after, u64::MAX)
        }
    }

    fn has_more(&self, connection: usize) -> bool {
        self.repeats || self.next[connection] < self.frames[connection].len()
    }

    fn send_next(&mut self, connection: usize) -> Step {
        let frames = &self.frames[connection];
        let index = self.again[connection].pop().unwrap_or_else(|| {
            let next = self.next[connection] % frames.len();
            self.next[connection] += 1;
            next
        });
        self.in_flight[connection].push_back(index);
        self.requests += 1;
        self.records += frames[index].records;
        self.value_bytes += frames[index].value_bytes;
        Step::Send(connection, frames[index].bytes.clone())
    }

    /// From the first request to the last acknowledgement.
    pub(crate) fn elapsed(&self) -> Duration {
        match (self.started, self.ended) {
            (Some(started), Some(ended)) => ended - started,
            _ => Duration::ZERO,
        }
    }
}

impl Plan for ClosedLoop {
    fn step(&mut self, now: Instant) -> Result<Step> {
        let started = *self.started.get_or_insert(now);
        let deadline = started + self.deadline_after;
        let ending = now >= deadline || self.value_bytes >= self.value_bytes_max;
        let place = self.free.iter().rposition(|connection| {
            !self.again[*connection].is_empty() || (!ending && self.has_more(*connection))
        });
        if let Some(place) = place {
            let connection = self.free.remove(place);
            return Ok(self.send_next(connection));
        }
        let unanswered: usize = self.in_flight.iter().map(VecDeque::len).sum();
        if unanswered == 0 {
            return Ok(Step::Finished);
        }
        if now >= deadline + DRAIN {
            bail!("{unanswered} requests were not answered");
        }
        Ok(Step::WaitUntil(if now < deadline {
            deadline
        } else {
            deadline + DRAIN
        }))
    }

    fn on_response(&mut self, connection: usize, head: &[u8], now: Instant) -> Result<()> {
        let Some(index) = self.in_flight[connection].pop_front() else {
            bail!("a response without a request");
        };
        self.free.push(connection);
        self.ended = Some(now);
        let error = wire::produce_error(head)?;
        if wire::is_too_early(error) {
            let frame = &self.frames[connection][index];
            self.requests -= 1;
            self.records -= frame.records;
            self.value_bytes -= frame.value_bytes;
            self.again[connection].push(index);
            return Ok(());
        }
        if error != 0 {
            bail!("produce was refused with code {error}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Shape;

    fn response(error: i16) -> Vec<u8> {
        let mut response = wire::produce_response("t");
        // Behind the length: correlation id, counts, the topic's name and the partition.
        let at = 4 + 4 + 4 + 3 + 4 + 4;
        response[at..at + 2].copy_from_slice(&error.to_be_bytes());
        response.split_off(4)
    }

    fn sent(plan: &mut ClosedLoop, now: Instant) -> usize {
        let mut count = 0;
        while let Step::Send(..) = plan.step(now).unwrap() {
            count += 1;
        }
        count
    }

    fn plan(value_bytes_max: u64) -> ClosedLoop {
        let shape = Shape {
            records: 1,
            value_bytes: 10,
        };
        let frames = shape.frames("t", 2).unwrap();
        let share = vec![frames.clone(), frames];
        ClosedLoop::new(share, 3, Duration::from_secs(5), value_bytes_max)
    }

    #[test]
    fn each_connection_keeps_its_window_full() {
        let (mut plan, now) = (plan(u64::MAX), Instant::now());
        assert_eq!(sent(&mut plan, now), 6);
        plan.on_response(0, &response(0), now).unwrap();
        assert_eq!(sent(&mut plan, now), 1);
    }

    #[test]
    fn what_came_too_early_is_sent_again_and_counted_once() {
        let (mut plan, now) = (plan(20), Instant::now());
        assert_eq!(sent(&mut plan, now), 2);
        plan.on_response(0, &response(6), now).unwrap();
        assert_eq!((plan.requests, plan.value_bytes), (1, 10));
        assert_eq!(sent(&mut plan, now), 1);
        assert_eq!((plan.requests, plan.value_bytes), (2, 20));
    }

    #[test]
    fn a_load_of_once_sends_every_frame_once() {
        let now = Instant::now();
        let frames = plan(0).frames;
        let mut plan = ClosedLoop::once(frames, 1, Duration::from_secs(5));
        assert_eq!(sent(&mut plan, now), 2);
        plan.on_response(0, &response(0), now).unwrap();
        plan.on_response(0, &response(0), now).unwrap_err();
        assert_eq!(sent(&mut plan, now), 1);
        plan.on_response(0, &response(0), now).unwrap();
        assert_eq!(sent(&mut plan, now), 0);
        plan.on_response(1, &response(0), now).unwrap();
        assert_eq!(sent(&mut plan, now), 1);
        plan.on_response(1, &response(0), now).unwrap();
        assert!(matches!(plan.step(now).unwrap(), Step::Finished));
        assert_eq!(plan.requests, 4);
    }

    #[test]
    fn a_refusal_ends_the_load() {
        let (mut plan, now) = (plan(u64::MAX), Instant::now());
        sent(&mut plan, now);
        assert!(plan.on_response(0, &response(56), now).is_err());
    }
}
