use super::*;
use highwater_records::{BatchView, Scratch};
use highwater_types::TopicName;
use proptest::prelude::*;
use std::time::Duration;

fn partition() -> TopicPartition {
    TopicPartition::from_dir_name("t-0").unwrap()
}

fn machine(idempotent: bool) -> Accumulator<u32> {
    let options = ProducerOptions {
        idempotent,
        linger: Duration::from_millis(10),
        batch_bytes_max: 200,
        delivery_timeout: Duration::from_secs(1000),
        ..ProducerOptions::default()
    };
    let mut machine = Accumulator::new(Settings::new(&options, BackoffPolicy::default()));
    if idempotent {
        machine.set_identity((ProducerId(7), ProducerEpoch(0)));
    }
    machine
}

fn append(machine: &mut Accumulator<u32>, now_ms: u64, number: u32) {
    let value = number.to_be_bytes().to_vec();
    let record = ProducerRecord::new(TopicName::new("t").unwrap(), value);
    assert!(
        machine
            .append(now_ms, partition(), &record, 5, number)
            .is_none()
    );
}

fn ready(machine: &mut Accumulator<u32>, now_ms: u64) -> Vec<Sendable> {
    let mut settled = Vec::new();
    let ready = machine.ready(now_ms, |_| true, &mut settled);
    assert!(settled.is_empty());
    ready
}

fn refused(code: ErrorCode) -> BatchOutcome {
    BatchOutcome::Refused(code.into())
}

fn lost() -> BatchOutcome {
    BatchOutcome::Lost(ClientError::ConnectionLost {
        address: String::new(),
        reason: String::new(),
    })
}

/// A partition as a broker keeps it for idempotent producers.
#[derive(Default)]
struct Log {
    numbers: Vec<u32>,
    epoch: i16,
    /// First sequence, record count and first offset of the last batches.
    remembered: Vec<(i32, i32, i64)>,
    next_sequence: Option<i32>,
}

impl Log {
    fn append(&mut self, bytes: &[u8]) -> BatchOutcome {
        let batch = BatchView::first(bytes).unwrap();
        assert!(batch.crc_matches());
        let header = batch.header;
        let new_epoch = header.producer_epoch.0 > self.epoch;
        if header.producer_epoch.0 < self.epoch {
            return refused(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        if !new_epoch {
            let known = |(sequence, count, _): &&(i32, i32, i64)| {
                (*sequence, *count) == (header.base_sequence, header.record_count)
            };
            if let Some((_, _, offset)) = self.remembered.iter().find(known) {
                return BatchOutcome::Appended(Some(Offset(*offset)));
            }
        }
        let expected = if new_epoch {
            0
        } else {
            self.next_sequence.unwrap_or(0)
        };
        if header.base_sequence != expected {
            return refused(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
        if new_epoch {
            self.remembered.clear();
        }
        self.epoch = header.producer_epoch.0;
        let offset = self.numbers.len() as i64;
        self.remembered
            .push((header.base_sequence, header.record_count, offset));
        if self.remembered.len() > 5 {
            self.remembered.remove(0);
        }
        self.next_sequence = Some(header.base_sequence + header.record_count);
        let mut scratch = Scratch::new();
        for record in batch.records(&mut scratch, 1 << 20).unwrap() {
            let value = record.unwrap().value.unwrap();
            self.numbers
                .push(u32::from_be_bytes(value.try_into().unwrap()));
        }
        BatchOutcome::Appended(Some(Offset(offset)))
    }
}

#[test]
fn a_batch_lingers_unless_it_is_full_or_flushed() {
    let mut machine = machine(true);
    append(&mut machine, 100, 1);
    assert!(ready(&mut machine, 100).is_empty());
    assert_eq!(machine.wake_at_ms(), Some(110));
    assert_eq!(ready(&mut machine, 110).len(), 1);
    append(&mut machine, 200, 2);
    machine.flush();
    assert_eq!(ready(&mut machine, 200).len(), 1);
}

#[test]
fn five_batches_are_in_flight_if_they_are_numbered_and_one_if_not() {
    for (idempotent, expected) in [(true, 5), (false, 1)] {
        let mut machine = machine(idempotent);
        for number in 0..200 {
            append(&mut machine, 0, number);
        }
        let mut sent = 0;
        while !ready(&mut machine, 1000).is_empty() {
            sent += 1;
        }
        assert_eq!(sent, expected);
    }
}

#[test]
fn nothing_is_sent_before_there_is_a_producer_id() {
    let mut machine: Accumulator<u32> = Accumulator::new(Settings::new(
        &ProducerOptions::default(),
        BackoffPolicy::default(),
    ));
    append(&mut machine, 0, 1);
    assert!(machine.wants_identity());
    assert!(ready(&mut machine, 1000).is_empty());
    machine.set_identity((ProducerId(1), ProducerEpoch(0)));
    assert_eq!(ready(&mut machine, 1000).len(), 1);
}

#[test]
fn a_record_that_waits_too_long_is_given_up() {
    let mut machine = machine(true);
    append(&mut machine, 0, 1);
    let sent = ready(&mut machine, 50);
    machine.complete(60, &partition(), sent[0].ordinal, lost(), 0);
    assert!(machine.expire(999_999).is_empty());
    let expired = machine.expire(1_000_000);
    assert_eq!(expired.len(), 1);
    assert!(expired[0].outcome.is_err());
    assert!(machine.is_empty());
}

#[test]
fn what_follows_a_refused_batch_is_numbered_anew_under_the_next_epoch() {
    let mut machine = machine(true);
    let mut log = Log::default();
    let mut sent = Vec::new();
    for number in 0..3 {
        append(&mut machine, 0, number);
        sent.extend(ready(&mut machine, 50));
    }
    let (p, too_large) = (partition(), ErrorCode::MESSAGE_TOO_LARGE);
    let failed = machine.complete(60, &p, sent[0].ordinal, refused(too_large), 0);
    assert!(failed.unwrap().outcome.is_err());
    for later in &sent[1..] {
        let outcome = log.append(&later.bytes);
        assert!(matches!(&outcome, BatchOutcome::Refused(_)), "{outcome:?}");
        assert!(
            machine
                .complete(60, &p, later.ordinal, outcome, 0)
                .is_none()
        );
    }
    let mut now_ms = 60;
    while !machine.is_empty() {
        now_ms += 1000;
        for sendable in ready(&mut machine, now_ms) {
            let outcome = log.append(&sendable.bytes);
            machine.complete(now_ms, &p, sendable.ordinal, outcome, 0);
        }
        assert!(now_ms < 100_000, "it does not come to rest");
    }
    assert_eq!(log.numbers, [1, 2]);
    assert_eq!(log.epoch, 1);
}

/// What happens to a request on its way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    LostBefore,
    LostAfter,
    Busy,
    TooLarge,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        5 => Just(Fate::Fine),
        2 => Just(Fate::LostBefore),
        2 => Just(Fate::LostAfter),
        1 => Just(Fate::Busy),
        1 => Just(Fate::TooLarge),
    ];
    prop::collection::vec(fate, 0..60)
}

proptest! {
    #[test]
    fn every_acknowledged_record_is_in_the_log_once_and_in_order(
        fates in fates(),
        answer_last_first: bool,
        batches in 1_u32..12,
    ) {
        let mut machine = machine(true);
        let mut log = Log::default();
        let mut fates = fates.into_iter();
        let mut acknowledged = Vec::new();
        let mut refused_numbers = Vec::new();
        for number in 0..batches * 3 {
            append(&mut machine, 0, number);
        }
        machine.flush();
        let mut now_ms = 0;
        while !machine.is_empty() {
            now_ms += 5000;
            prop_assert!(now_ms < 900_000, "it does not come to rest");
            machine.expire(0);
            let mut flying = Vec::new();
            loop {
                let ready = ready(&mut machine, now_ms);
                if ready.is_empty() {
                    break;
                }
                flying.extend(ready);
            }
            let mut answers: Vec<_> = flying
                .into_iter()
                .map(|sendable| {
                    let outcome = match fates.next().unwrap_or(Fate::Fine) {
                        Fate::Fine => log.append(&sendable.bytes),
                        Fate::LostBefore => lost(),
                        Fate::LostAfter => {
                            log.append(&sendable.bytes);
                            lost()
                        }
                        Fate::Busy => refused(ErrorCode::NOT_ENOUGH_REPLICAS),
                        Fate::TooLarge => refused(ErrorCode::MESSAGE_TOO_LARGE),
                    };
                    (sendable.ordinal, outcome)
                })
                .collect();
            if answer_last_first {
                answers.reverse();
            }
            for (ordinal, outcome) in answers {
                let settled = machine.complete(now_ms, &partition(), ordinal, outcome, 0);
                if let Some(settled) = settled {
                    let list =
                        if settled.outcome.is_ok() { &mut acknowledged } else { &mut refused_numbers };
                    list.extend(settled.waiters);
                }
            }
        }
        acknowledged.sort_unstable();
        // A refusal can hit a batch whose first copy was appended and whose answer was lost.
        let mut kept = log.numbers.clone();
        kept.retain(|number| !refused_numbers.contains(number));
        prop_assert_eq!(kept, acknowledged);
        prop_assert!(log.numbers.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", log.numbers);
    }
}
