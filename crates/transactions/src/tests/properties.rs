//! Whatever producers, clocks, markers and crashes do: epochs never go back, a transaction ends in
//! one way and says so to all its partitions, a fenced producer gets nothing, and the log says
//! what the memory says.

use std::collections::BTreeMap;

use highwater_types::{LeaderEpoch, Now, ProducerEpoch, ProducerId, TopicPartition};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::records::{RecordKey, TransactionValue};
use crate::*;

/// The wall clock when the monotonic one shows 0.
const WALL_MS: i64 = 1_700_000_000_000;
const IDS: [&str; 2] = ["a", "b"];
const CLIENTS: usize = 3;
const PARTITIONS: [&str; 3] = ["t-0", "t-1", "u-0"];
const TIMEOUT_MS: i32 = 5_000;
const EXPIRATION_MS: i64 = 60_000;

/// What the producers, the brokers or the machine do next.
#[derive(Clone, Debug)]
enum Event {
    Init {
        client: usize,
        id: usize,
        recovers: bool,
    },
    Add {
        client: usize,
        id: usize,
        partitions: usize,
    },
    End {
        client: usize,
        id: usize,
        result: TransactionResult,
    },
    /// The last request is sent once more, as if its answer had been lost.
    Again {
        client: usize,
        id: usize,
    },
    /// Some markers of a job are written, perhaps for the second time, perhaps of an old job.
    Marked {
        job: Index,
        partitions: usize,
    },
    /// All jobs come to their end.
    MarkedAll,
    Wait {
        ms: u64,
    },
    Jump {
        ms: i64,
    },
    Spares {
        lent: bool,
    },
    Reload,
    ReloadCompacted,
    /// The machine stops while the records of a later step are on their way to the disk.
    CrashSoon {
        kept: Index,
    },
    /// The machine stops after the records of a later step, before its answers.
    Hush,
}

fn event() -> impl Strategy<Value = Event> {
    let of = (0..CLIENTS, 0..IDS.len());
    let result = prop_oneof![
        Just(TransactionResult::Commit),
        Just(TransactionResult::Abort)
    ];
    prop_oneof![
        6 => (of.clone(), any::<bool>()).prop_map(|((client, id), recovers)| {
            Event::Init { client, id, recovers }
        }),
        10 => (of.clone(), 0..8_usize).prop_map(|((client, id), partitions)| {
            Event::Add { client, id, partitions }
        }),
        10 => (of.clone(), result).prop_map(|((client, id), result)| {
            Event::End { client, id, result }
        }),
        3 => of.prop_map(|(client, id)| Event::Again { client, id }),
        6 => (any::<Index>(), 0..8_usize).prop_map(|(job, partitions)| {
            Event::Marked { job, partitions }
        }),
        6 => Just(Event::MarkedAll),
        4 => prop_oneof![6 => 0..100_u64, 3 => 0..6_000_u64, 1 => 0..90_000_u64]
            .prop_map(|ms| Event::Wait { ms }),
        1 => prop_oneof![-9_999_999..-9_000_000_i64, -100..10_000_i64].prop_map(|ms| Event::Jump { ms }),
        1 => any::<bool>().prop_map(|lent| Event::Spares { lent }),
        1 => Just(Event::Reload),
        1 => Just(Event::ReloadCompacted),
        1 => any::<Index>().prop_map(|kept| Event::CrashSoon { kept }),
        1 => Just(Event::Hush),
    ]
}

/// What a client knows of itself under one transactional id.
#[derive(Clone, Debug, Default)]
struct Place {
    producer: Option<Producer>,
    last_request: Option<Request>,
    /// A producer has been initialised in its place.
    fenced: bool,
}

struct World {
    config: TransactionConfig,
    shard: TransactionShard,
    log: Vec<Record>,
    mono_ms: u64,
    jumped_ms: i64,
    next_producer_id: i64,
    lends: bool,
    /// What each client speaks.
    versions: [TransactionVersion; CLIENTS],
    places: BTreeMap<(usize, usize), Place>,
    jobs: Vec<MarkerJob>,
    /// What the partitions were told of each transaction.
    markers: BTreeMap<(TransactionRef, TopicPartition), TransactionResult>,
    /// The end of each transaction that a client was told of.
    told: BTreeMap<TransactionRef, TransactionResult>,
    /// The last record of each transactional id.
    last: BTreeMap<TransactionalId, TransactionValue>,
    /// A client has asked for the end of a transaction in this step.
    client_ends: bool,
    crash_soon: Option<Index>,
    hush: bool,
}

fn partitions(bits: usize) -> Vec<TopicPartition> {
    let chosen = PARTITIONS.iter().enumerate();
    chosen
        .filter(|(nth, _)| bits & 1 << nth != 0)
        .map(|(_, name)| TopicPartition::from_dir_name(name).unwrap())
        .collect()
}

/// Which transactional id a record is of, and what it says.
fn decoded(record: &Record) -> (TransactionalId, Option<TransactionValue>) {
    let RecordKey::Transaction(id) = RecordKey::decode(&record.key).unwrap() else {
        panic!("another kind of record");
    };
    let value = record.value.as_deref();
    (
        id,
        value.map(|value| TransactionValue::decode(value).unwrap()),
    )
}

impl World {
    /// Both transactional ids are near the end of their epochs if asked for.
    fn new(cluster: i16, clients: [i16; CLIENTS], first_epoch: i16) -> Self {
        let config = TransactionConfig {
            transactional_id_expiration_ms: EXPIRATION_MS,
            expiration_check_interval_ms: 10_000,
            transaction_version: TransactionVersion(cluster),
            ..TransactionConfig::default()
        };
        let mut world = Self {
            shard: TransactionShard::new(config.clone(), LeaderEpoch(0)),
            config,
            log: Vec::new(),
            mono_ms: 0,
            jumped_ms: 0,
            next_producer_id: 1_000,
            lends: true,
            versions: clients.map(TransactionVersion),
            places: BTreeMap::new(),
            jobs: Vec::new(),
            markers: BTreeMap::new(),
            told: BTreeMap::new(),
            last: BTreeMap::new(),
            client_ends: false,
            crash_soon: None,
            hush: false,
        };
        if first_epoch > 0 {
            for (nth, id) in IDS.into_iter().enumerate() {
                let producer = Producer {
                    id: ProducerId(nth as i64),
                    epoch: ProducerEpoch(first_epoch),
                };
                let unused = TransactionValue::unused(producer.id);
                let value = unused.initialised(world.now(), producer, TIMEOUT_MS);
                let mut output = Output::default();
                world.shard.write(&id.into(), &value, &mut output);
                output
                    .records
                    .into_iter()
                    .for_each(|record| world.append(record));
            }
        }
        world.reload();
        world
    }

    fn now(&self) -> Now {
        let wall_ms = WALL_MS + self.mono_ms as i64 + self.jumped_ms;
        Now::at(self.mono_ms, wall_ms)
    }

    fn context(&self) -> Context {
        let spare = self.lends.then_some(ProducerId(self.next_producer_id));
        Context {
            now: self.now(),
            spare,
        }
    }

    fn event(&mut self, event: &Event) {
        match *event {
            Event::Init {
                client,
                id,
                recovers,
            } => {
                let known = self.place(client, id).producer;
                let request = InitProducerIdRequest {
                    transactional_id: IDS[id].into(),
                    timeout_ms: TIMEOUT_MS,
                    expected: known.filter(|_| recovers),
                };
                self.request(client, id, Request::InitProducerId(request));
            }
            Event::Add {
                client,
                id,
                partitions: bits,
            } => {
                let request = AddPartitionsRequest {
                    transactional_id: IDS[id].into(),
                    producer: self.producer(client, id),
                    partitions: partitions(bits),
                    mode: AddMode::Add,
                    client_version: self.versions[client],
                };
                self.request(client, id, Request::AddPartitions(request));
            }
            Event::End { client, id, result } => {
                let request = EndRequest {
                    transactional_id: IDS[id].into(),
                    producer: self.producer(client, id),
                    result,
                    client_version: self.versions[client],
                };
                self.request(client, id, Request::End(request));
            }
            Event::Again { client, id } => {
                if let Some(request) = self.place(client, id).last_request {
                    self.request(client, id, request);
                }
            }
            Event::Marked {
                job,
                partitions: bits,
            } => {
                if !self.jobs.is_empty() {
                    let job = self.jobs[job.index(self.jobs.len())].clone();
                    self.marked(&job, &partitions(bits));
                }
            }
            Event::MarkedAll => self.mark_all(),
            Event::Wait { ms } => self.wait(ms),
            Event::Jump { ms } => self.jumped_ms += ms,
            Event::Spares { lent } => self.lends = lent,
            Event::Reload => self.reload(),
            Event::ReloadCompacted => {
                let compacted = self.compacted();
                self.assert_same(&compacted);
                self.reload();
            }
            Event::CrashSoon { kept } => self.crash_soon = Some(kept),
            Event::Hush => self.hush = true,
        }
        self.check();
    }

    fn place(&self, client: usize, id: usize) -> Place {
        self.places.get(&(client, id)).cloned().unwrap_or_default()
    }

    /// A client that was never initialised makes something up.
    fn producer(&self, client: usize, id: usize) -> Producer {
        let made_up = Producer {
            id: ProducerId(999_999),
            epoch: ProducerEpoch(0),
        };
        self.place(client, id).producer.unwrap_or(made_up)
    }

    fn request(&mut self, client: usize, id: usize, request: Request) {
        let place = self.places.entry((client, id)).or_default();
        place.last_request = Some(request.clone());
        let asked = request.clone();
        self.client_ends = matches!(request, Request::End(_));
        let output = self.shard.handle(self.context(), Waiter(1), request);
        let replies = self.carry_out(output);
        self.client_ends = false;
        for (_, reply) in replies {
            self.replied(client, id, &asked, reply);
        }
        self.tick();
    }

    fn replied(&mut self, client: usize, id: usize, asked: &Request, reply: Reply) {
        let is_fenced = self.place(client, id).fenced;
        let given = match (asked, reply) {
            (Request::InitProducerId(asked), Reply::InitProducerId(Ok(producer))) => {
                assert!(
                    !is_fenced || asked.expected.is_none(),
                    "a fenced producer recovered"
                );
                if asked.expected.is_none() {
                    for other in (0..CLIENTS).filter(|other| *other != client) {
                        self.places.entry((other, id)).or_default().fenced = true;
                    }
                }
                self.places.entry((client, id)).or_default().fenced = false;
                Some(producer)
            }
            (Request::AddPartitions(asked), Reply::AddPartitions(results)) => {
                for added in results.iter().filter(|added| added.result.is_ok()) {
                    assert!(!is_fenced, "a fenced producer added {added:?}");
                    let value = &self.shard.transactions[&asked.transactional_id].value;
                    assert_eq!(value.producer, asked.producer);
                }
                None
            }
            (Request::End(asked), Reply::End(Ok(goes_on))) => {
                assert!(!is_fenced, "a fenced producer ended a transaction");
                let value = &self.shard.transactions[&asked.transactional_id].value;
                assert_eq!(value.result(), Some(asked.result), "told of another end");
                let transaction = value.reference(&asked.transactional_id);
                let told = self.told.insert(transaction, asked.result);
                assert!(
                    told.is_none_or(|told| told == asked.result),
                    "told of both ends"
                );
                goes_on
            }
            _ => None,
        };
        if given.is_some() {
            self.places.entry((client, id)).or_default().producer = given;
        }
    }

    /// The partitions get the markers, and the shard hears of it.
    fn marked(&mut self, job: &MarkerJob, partitions: &[TopicPartition]) {
        for partition in partitions
            .iter()
            .filter(|name| job.partitions.contains(name))
        {
            let at = (job.transaction.clone(), partition.clone());
            let before = self.markers.insert(at, job.result);
            assert!(
                before.is_none_or(|before| before == job.result),
                "marked in both ways"
            );
        }
        let written: Vec<_> = partitions
            .iter()
            .filter(|name| job.partitions.contains(name))
            .cloned()
            .collect();
        let output = self
            .shard
            .markers_written(self.now(), &job.transaction, &written);
        self.carry_out(output);
    }

    fn mark_all(&mut self) {
        for job in self.jobs.clone() {
            let partitions: Vec<_> = job.partitions.iter().collect();
            self.marked(&job, &partitions);
        }
    }

    fn wait(&mut self, ms: u64) {
        let until_ms = self.mono_ms + ms;
        while let Some(due_ms) = self.shard.next_deadline_ms().filter(|due| *due <= until_ms) {
            self.mono_ms = self.mono_ms.max(due_ms);
            self.tick();
        }
        self.mono_ms = until_ms;
    }

    fn tick(&mut self) {
        let mut ticks = 0;
        while self
            .shard
            .next_deadline_ms()
            .is_some_and(|due_ms| due_ms <= self.mono_ms)
        {
            let output = self.shard.tick(self.context());
            self.carry_out(output);
            ticks += 1;
            assert!(ticks < 100, "ticks do not come to an end");
        }
    }

    /// Replies that arrive.
    fn carry_out(&mut self, output: Output) -> Vec<(Waiter, Reply)> {
        match output.spare {
            SpareUse::Taken => self.next_producer_id += 1,
            SpareUse::Missing => assert!(!self.lends, "one was lent"),
            SpareUse::Kept => {}
        }
        if !output.records.is_empty()
            && let Some(kept) = self.crash_soon.take()
        {
            let kept = kept.index(output.records.len() + 1);
            for record in output.records.into_iter().take(kept) {
                self.append(record);
            }
            self.reload();
            return Vec::new();
        }
        for record in output.records {
            self.shard
                .replay(&record.key, record.value.as_deref())
                .unwrap();
            self.append(record);
        }
        if std::mem::take(&mut self.hush) {
            self.reload();
            return Vec::new();
        }
        self.jobs.extend(output.jobs);
        output.replies
    }

    fn append(&mut self, record: Record) {
        let (id, value) = decoded(&record);
        self.log.push(record);
        let Some(value) = value else {
            self.last.remove(&id);
            // Whoever recovers under a forgotten name is given a new producer id.
            let of_name = self
                .places
                .iter_mut()
                .filter(|((_, nth), _)| IDS[*nth] == id.as_str());
            return of_name.for_each(|(_, place)| place.fenced = false);
        };
        if let Some(before) = self.last.insert(id.clone(), value.clone()) {
            check_step(&before, &value);
            self.check_end(&id, &before, &value);
        }
    }

    /// A producer that has not asked for the end does not keep its epoch, and nothing is complete
    /// before all its partitions know.
    fn check_end(&self, id: &TransactionalId, before: &TransactionValue, value: &TransactionValue) {
        if value.state.is_prepared() && !self.client_ends {
            assert_eq!(value.state, TransactionState::PrepareAbort);
            assert!(before.producer.epoch < value.producer.epoch, "not fenced");
        }
        if before.state.is_prepared() {
            let transaction = before.reference(id);
            for partition in before.partitions.iter() {
                let marker = self.markers.get(&(transaction.clone(), partition));
                assert_eq!(marker.copied(), value.result(), "a marker is missing");
            }
        }
    }

    fn reload(&mut self) {
        self.shard = self.replayed(&self.log);
        let output = self.shard.loaded(self.now());
        assert!(output.records.is_empty() && output.replies.is_empty());
        self.jobs.extend(output.jobs);
        self.tick();
    }

    fn replayed(&self, log: &[Record]) -> TransactionShard {
        let mut shard = TransactionShard::new(self.config.clone(), LeaderEpoch(0));
        for record in log {
            shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
        shard
    }

    /// A shard of a log of which the last record of each key is left.
    fn compacted(&self) -> TransactionShard {
        let mut last = BTreeMap::new();
        for record in &self.log {
            last.insert(record.key.clone(), record.clone());
        }
        let log: Vec<Record> = last.into_values().collect();
        self.replayed(&log)
    }

    fn assert_same(&self, other: &TransactionShard) {
        let values = |shard: &TransactionShard| -> Vec<(TransactionalId, TransactionValue)> {
            let transactions = shard.transactions.iter();
            transactions
                .map(|(id, found)| (id.clone(), found.value.clone()))
                .collect()
        };
        assert_eq!(values(&self.shard), values(other), "the log says otherwise");
    }

    fn check(&self) {
        self.assert_same(&self.replayed(&self.log));
        let mut owners: BTreeMap<ProducerId, TransactionalId> = BTreeMap::new();
        for record in &self.log {
            if let (id, Some(value)) = decoded(record) {
                let owner = owners.entry(value.producer.id).or_insert(id.clone());
                assert_eq!(*owner, id, "a producer id was given out twice");
            }
        }
        for (transaction, result) in &self.told {
            let of_it = |at: &&(TransactionRef, TopicPartition)| at.0 == *transaction;
            for at in self.markers.keys().filter(of_it) {
                assert_eq!(self.markers[at], *result, "a client was told otherwise");
            }
        }
    }

    /// In the end every transaction is complete, and all its partitions know.
    fn settle(&mut self) {
        self.lends = true;
        self.crash_soon = None;
        self.hush = false;
        self.wait(2 * TIMEOUT_MS as u64);
        self.mark_all();
        self.check();
        let mut ended: BTreeMap<TransactionRef, TransactionResult> = BTreeMap::new();
        for record in &self.log {
            let (id, value) = decoded(record);
            let Some(value) = value.filter(|value| value.state.is_prepared()) else {
                continue;
            };
            let result = value.result().unwrap();
            let transaction = value.reference(&id);
            let before = ended.insert(transaction.clone(), result);
            assert_eq!(before, None, "two transactions of one name");
            for partition in value.partitions.iter() {
                let marker = self.markers.get(&(transaction.clone(), partition));
                assert_eq!(marker, Some(&result), "a marker is missing");
            }
        }
        let stats = self.shard.stats();
        let open = stats.ongoing + stats.prepare_commit + stats.prepare_abort;
        assert_eq!((open, stats.missing_markers), (0, 0));
    }
}

/// What may follow what in the log.
fn check_step(before: &TransactionValue, value: &TransactionValue) {
    use TransactionState::{
        CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit,
    };
    let allowed = matches!(
        (before.state, value.state),
        (
            Empty | CompleteCommit | CompleteAbort,
            Empty | Ongoing | PrepareAbort
        ) | (Ongoing, Ongoing | PrepareCommit | PrepareAbort)
            | (PrepareCommit, CompleteCommit)
            | (PrepareAbort, CompleteAbort)
    );
    assert!(allowed, "{before:?} was followed by {value:?}");
    if before.producer.id == value.producer.id {
        assert!(
            before.producer.epoch <= value.producer.epoch,
            "an epoch went back"
        );
    }
    match value.state {
        Ongoing if before.state == Ongoing => {
            assert!(
                before
                    .partitions
                    .iter()
                    .all(|name| value.partitions.contains(&name))
            );
            assert_eq!(before.start_ms, value.start_ms);
        }
        PrepareCommit | PrepareAbort => assert_eq!(before.partitions, value.partitions),
        Empty | CompleteCommit | CompleteAbort => assert!(value.partitions.is_empty()),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_what_was_promised(
        cluster in 0..3_i16,
        clients in [prop_oneof![Just(0_i16), Just(2)], prop_oneof![Just(0_i16), Just(2)],
            prop_oneof![Just(0_i16), Just(2)]],
        first_epoch in prop_oneof![2 => Just(0_i16), 1 => i16::MAX - 6..i16::MAX - 1],
        events in proptest::collection::vec(event(), 1..120),
    ) {
        let mut world = World::new(cluster, clients, first_epoch);
        for event in events {
            world.event(&event);
        }
        world.settle();
    }
}
