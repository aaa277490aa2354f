//! The records of one partition on their way: in order of their sequence numbers, whatever
//! answers arrive in which order.
//!
//! A batch is *open* while records are added, *sealed* when it is full, *in flight* once it
//! was sent and *back* when it must be sent again. It gets its sequence number when it is
//! first sent and keeps it, so that a broker recognises it. If a batch before it is given up,
//! the numbers behind the gap are worthless: what a broker refuses as out of order from then
//! on was certainly not appended, and gets new numbers under the next producer epoch
//! (KIP-360). Nothing new is sent until everything that still has old numbers is settled.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use highwater_records::{
    BatchHeader, BatchProducer, BatchSpec, BuildError, CRC_COVERED_FROM, HEADER_LEN, HeaderView,
    RecordBatchBuilder, crc_of,
};
use highwater_types::{ProducerEpoch, ProducerId};

use super::ProducerRecord;
use super::accumulator::Settings;

/// A producer id with its epoch.
pub(super) type Identity = (ProducerId, ProducerEpoch);

/// A batch that is not open any more.
pub(super) struct Batch<W> {
    builder: Option<RecordBatchBuilder>,
    bytes: Bytes,
    pub(super) waiters: Vec<W>,
    pub(super) created_ms: u64,
    stamp: Option<BatchProducer>,
    /// Whether some attempt may have been appended without our knowing.
    pub(super) fate_unknown: bool,
}

impl<W> Batch<W> {
    fn records(&self) -> i32 {
        self.waiters.len() as i32
    }

    /// Builds the batch under `producer`, or rewrites its header if it was built before.
    fn stamped(&mut self, producer: BatchProducer) -> Result<Bytes, BuildError> {
        if let Some(mut builder) = self.builder.take() {
            builder.set_producer(producer);
            self.bytes = builder.finish()?.into();
        } else if self.stamp != Some(producer) {
            self.bytes = restamped(&self.bytes, producer);
        }
        self.stamp = Some(producer);
        Ok(self.bytes.clone())
    }
}

/// The same batch with another producer in its header.
fn restamped(batch: &Bytes, producer: BatchProducer) -> Bytes {
    let Ok(mut header) = BatchHeader::parse(batch) else {
        return batch.clone();
    };
    header.producer_id = producer.id;
    header.producer_epoch = producer.epoch;
    header.base_sequence = producer.base_sequence;
    let mut bytes = batch.to_vec();
    bytes[..HEADER_LEN].copy_from_slice(&header.to_bytes());
    let crc = crc_of(&bytes).to_be_bytes();
    bytes[CRC_COVERED_FROM - crc.len()..CRC_COVERED_FROM].copy_from_slice(&crc);
    bytes.into()
}

struct Open<W> {
    builder: RecordBatchBuilder,
    waiters: Vec<W>,
    created_ms: u64,
}

/// The batches of one partition.
pub(super) struct Queue<W> {
    open: Option<Open<W>>,
    sealed: VecDeque<Batch<W>>,
    /// By the order in which they were first sent.
    in_flight: BTreeMap<u64, Batch<W>>,
    back: BTreeMap<u64, Batch<W>>,
    next_ordinal: u64,
    identity: Option<Identity>,
    next_sequence: i32,
    has_gap: bool,
    pub(super) failures: u32,
    pub(super) not_before_ms: u64,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self {
            open: None,
            sealed: VecDeque::new(),
            in_flight: BTreeMap::new(),
            back: BTreeMap::new(),
            next_ordinal: 0,
            identity: None,
            next_sequence: 0,
            has_gap: false,
            failures: 0,
            not_before_ms: 0,
        }
    }
}

/// The bytes of a batch, or whose records could not be built into one.
type Taken<W> = Result<Bytes, (Vec<W>, BuildError)>;

/// What a queue may send next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Back(u64),
    New,
}

impl<W> Queue<W> {
    pub(super) fn append(
        &mut self,
        now_ms: u64,
        settings: &Settings,
        record: &ProducerRecord,
        timestamp_ms: i64,
        waiter: W,
    ) -> Result<(), (W, BuildError)> {
        let size_bytes = record.size_bytes();
        let overflows =
            |open: &Open<W>| open.builder.size_bytes() + size_bytes > settings.batch_bytes_max;
        if self.open.as_ref().is_some_and(overflows) {
            self.seal();
        }
        let open = self.open.get_or_insert_with(|| {
            let spec = BatchSpec {
                compression: settings.compression,
                level: settings.compression_level,
                ..BatchSpec::default()
            };
            Open {
                builder: RecordBatchBuilder::new(spec),
                waiters: Vec::new(),
                created_ms: now_ms,
            }
        });
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|header| HeaderView {
                key: &header.key,
                value: header.value.as_deref(),
            })
            .collect();
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        match open.builder.append(timestamp_ms, key, value, &headers) {
            Ok(_) => open.waiters.push(waiter),
            Err(e) => return Err((waiter, e)),
        }
        if open.builder.size_bytes() >= settings.batch_bytes_max {
            self.seal();
        }
        Ok(())
    }

    /// Closes the open batch, if it has records.
    pub(super) fn seal(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.builder.is_empty() {
            return;
        }
        self.sealed.push_back(Batch {
            builder: Some(open.builder),
            bytes: Bytes::new(),
            waiters: open.waiters,
            created_ms: open.created_ms,
            stamp: None,
            fate_unknown: false,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none()
            && self.sealed.is_empty()
            && self.in_flight.is_empty()
            && self.back.is_empty()
    }

    /// Whether the old numbers are worth nothing and nothing that has one is under way.
    pub(super) fn wants_new_epoch(&self) -> bool {
        self.has_gap && self.is_settled()
    }

    fn is_settled(&self) -> bool {
        self.in_flight.is_empty() && self.back.values().all(|batch| batch.stamp.is_none())
    }

    /// Which identity the next new number is under.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    fn adopt(&mut self, current: Option<Identity>) {
        if self.identity != current && self.is_settled() {
            self.identity = current;
            self.next_sequence = 0;
            self.has_gap = false;
        }
    }

    /// When something can be sent: now, at a later time, or not before an answer.
    pub(super) fn ready_at_ms(&self, settings: &Settings) -> Option<u64> {
        match self.next(settings)? {
            Next::Back(_) => Some(self.not_before_ms),
            Next::New if !self.sealed.is_empty() => Some(self.not_before_ms),
            Next::New => {
                let linger_end_ms = self.open.as_ref()?.created_ms + settings.linger_ms;
                Some(linger_end_ms.max(self.not_before_ms))
            }
        }
    }

    fn next(&self, settings: &Settings) -> Option<Next> {
        // Behind a gap only what has a number goes on, to learn its fate under that number.
        let may_go = |batch: &Batch<W>| !self.has_gap || batch.stamp.is_some();
        if let Some((ordinal, _)) = self.back.iter().find(|(_, batch)| may_go(batch)) {
            // While something must be sent again, only the oldest of all may go.
            let is_oldest = self
                .in_flight
                .keys()
                .next()
                .is_none_or(|first| ordinal < first);
            return is_oldest.then_some(Next::Back(*ordinal));
        }
        let has_new = !self.sealed.is_empty() || self.open.is_some();
        let has_room = self.in_flight.len() < settings.in_flight_max;
        (has_new && has_room && !self.has_gap && self.back.is_empty()).then_some(Next::New)
    }

    /// Takes the next batch to send, stamped under the current identity.
    pub(super) fn take(
        &mut self,
        now_ms: u64,
        settings: &Settings,
        current: Option<Identity>,
    ) -> Option<(u64, Taken<W>)> {
        self.adopt(current);
        if self.ready_at_ms(settings)? > now_ms {
            return None;
        }
        let (ordinal, mut batch) = match self.next(settings)? {
            Next::Back(ordinal) => (ordinal, self.back.remove(&ordinal)?),
            Next::New => {
                if self.sealed.is_empty() {
                    self.seal();
                }
                self.next_ordinal += 1;
                (self.next_ordinal, self.sealed.pop_front()?)
            }
        };
        let producer = match (batch.stamp, self.identity) {
            (Some(stamp), _) => stamp,
            (None, None) => BatchProducer::NONE,
            (None, Some((id, epoch))) => {
                let base_sequence = self.next_sequence;
                self.next_sequence = after(base_sequence, batch.records());
                BatchProducer {
                    id,
                    epoch,
                    base_sequence,
                }
            }
        };
        match batch.stamped(producer) {
            Ok(bytes) => {
                self.in_flight.insert(ordinal, batch);
                Some((ordinal, Ok(bytes)))
            }
            Err(e) => {
                self.roll_back(ordinal, Some(producer));
                Some((ordinal, Err((batch.waiters, e))))
            }
        }
    }

    /// A batch has been appended.
    pub(super) fn acknowledged(&mut self, ordinal: u64) -> Option<Batch<W>> {
        self.failures = 0;
        self.in_flight.remove(&ordinal)
    }

    /// A batch has to be sent again with the number it has.
    pub(super) fn again(&mut self, ordinal: u64, fate_unknown: bool) {
        if let Some(mut batch) = self.in_flight.remove(&ordinal) {
            batch.fate_unknown |= fate_unknown;
            self.back.insert(ordinal, batch);
        }
    }

    /// A broker does not know what came before the batch, so its number is worth nothing.
    /// Whether that was to be expected: an earlier batch is still under way.
    pub(super) fn out_of_order(&mut self, ordinal: u64) {
        let earlier = self.in_flight.range(..ordinal).next().is_some()
            || self
                .back
                .range(..ordinal)
                .any(|(_, batch)| batch.stamp.is_some());
        if let Some(mut batch) = self.in_flight.remove(&ordinal) {
            if !earlier {
                batch.stamp = None;
                self.has_gap = true;
            }
            self.back.insert(ordinal, batch);
        }
    }

    /// A batch is given up.
    pub(super) fn given_up(&mut self, ordinal: u64) -> Option<Batch<W>> {
        let batch = self
            .in_flight
            .remove(&ordinal)
            .or_else(|| self.back.remove(&ordinal))?;
        if batch.fate_unknown {
            self.has_gap |= batch
                .stamp
                .is_some_and(|stamp| stamp.id != ProducerId::NONE);
        } else {
            self.roll_back(ordinal, batch.stamp);
        }
        Some(batch)
    }

    /// Gives the numbers of a batch that was certainly not appended to the next one, if no
    /// later batch has numbers already; else there is a gap.
    fn roll_back(&mut self, ordinal: u64, stamp: Option<BatchProducer>) {
        let Some(stamp) = stamp.filter(|stamp| stamp.id != ProducerId::NONE) else {
            return;
        };
        let later = (ordinal + 1)..;
        let is_last = self.in_flight.range(later.clone()).next().is_none()
            && self
                .back
                .range(later)
                .all(|(_, batch)| batch.stamp.is_none());
        if is_last && self.identity == Some((stamp.id, stamp.epoch)) {
            self.next_sequence = stamp.base_sequence;
        } else {
            self.has_gap = true;
        }
    }

    /// Takes out what was created before the moment and is not on the wire: those batches that
    /// have been sent, by ordinal, and those that never were.
    pub(super) fn expire(&mut self, created_before_ms: u64) -> Vec<Batch<W>> {
        let is_old = |batch: &Batch<W>| batch.created_ms <= created_before_ms;
        let back: Vec<_> = self
            .back
            .iter()
            .filter(|(_, batch)| is_old(batch))
            .map(|(o, _)| *o)
            .collect();
        let mut expired: Vec<_> = back.into_iter().filter_map(|o| self.given_up(o)).collect();
        while self.sealed.front().is_some_and(is_old) {
            expired.extend(self.sealed.pop_front());
        }
        if self.sealed.is_empty()
            && self
                .open
                .as_ref()
                .is_some_and(|open| open.created_ms <= created_before_ms)
        {
            self.seal();
            expired.extend(self.sealed.pop_front());
        }
        expired
    }

    /// When the oldest batch was created that is not on the wire.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        let back = self.back.values().map(|batch| batch.created_ms);
        let sealed = self.sealed.front().map(|batch| batch.created_ms);
        back.chain(sealed)
            .chain(self.open.as_ref().map(|open| open.created_ms))
            .min()
    }
}

/// Sequence numbers go from the largest back to 0.
fn after(sequence: i32, records: i32) -> i32 {
    ((i64::from(sequence) + i64::from(records)) % (i64::from(i32::MAX) + 1)) as i32
}
