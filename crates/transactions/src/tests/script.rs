//! Scenarios as text: one request or passage of time per line, and what came of it below.
//!
//! Each line is echoed, a request with the number of its waiter. The driver's part is played as
//! the contract demands: records are appended and replayed at once, and ticks follow until
//! nothing is due. Producer ids are lent from 1000 on. Marker jobs are numbered and wait for
//! `marked`.
//!
//! Lines are `verb words…`; words are `key=value` or bare, see the verbs below. Clients speak the
//! version that `config client=` says, 2 at first.

use std::fmt::Write as _;

use highwater_types::{LeaderEpoch, Now, ProducerEpoch, ProducerId, TopicPartition};

use crate::records::{RecordKey, TransactionValue};
use crate::*;

/// The wall clock of scripts when the monotonic one shows 0.
const WALL_MS: i64 = 1_000_000;

const COORDINATOR_EPOCH: LeaderEpoch = LeaderEpoch(7);

struct Script {
    config: TransactionConfig,
    client_version: TransactionVersion,
    shard: TransactionShard,
    log: Vec<Record>,
    jobs: Vec<MarkerJob>,
    spare: Option<ProducerId>,
    mono_ms: u64,
    /// How far the wall clock has jumped.
    jumped_ms: i64,
    waiters: u64,
    printed: String,
}

/// The words of a line after its verb.
struct Words<'a> {
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn bare(&self) -> impl Iterator<Item = &'a str> + '_ {
        let words = self.words.iter().copied();
        words.filter(|word| !word.contains('='))
    }

    fn nth(&self, n: usize) -> &'a str {
        self.bare().nth(n).expect("a word is missing")
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        let mut pairs = self.words.iter().filter_map(|word| word.split_once('='));
        pairs
            .find(|(found, _)| *found == key)
            .map(|(_, value)| value)
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> T {
        self.get(key)
            .map_or(default, |text| text.parse().ok().expect("a number"))
    }

    fn list(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let names = self.get(key).into_iter();
        names.flat_map(|names| names.split(','))
    }

    fn id(&self) -> TransactionalId {
        match self.words.first().copied() {
            Some("''") => TransactionalId::from(""),
            Some("long") => TransactionalId::from("x".repeat(32_001)),
            Some(id) => TransactionalId::from(id),
            None => panic!("a transactional id is missing"),
        }
    }

    fn producer(&self) -> Producer {
        producer(self.nth(1))
    }

    fn partitions(&self, skipped: usize) -> Vec<TopicPartition> {
        let parse = |name| TopicPartition::from_dir_name(name).expect("topic-partition");
        self.bare().skip(skipped).map(parse).collect()
    }
}

fn producer(text: &str) -> Producer {
    let (id, epoch) = text.split_once('/').expect("id/epoch");
    Producer {
        id: ProducerId(id.parse().expect("a producer id")),
        epoch: ProducerEpoch(epoch.parse().expect("an epoch")),
    }
}

/// Runs a script and gives back all that it printed.
pub(super) fn run(text: &str) -> String {
    let mut script = Script::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        script.line(line);
    }
    script.printed
}

impl Script {
    fn new() -> Self {
        let config = TransactionConfig::default();
        let mut shard = TransactionShard::new(config.clone(), COORDINATOR_EPOCH);
        assert_eq!(shard.loaded(Now::at(0, WALL_MS)), Output::default());
        Self {
            config,
            client_version: TransactionVersion::TV_2,
            shard,
            log: Vec::new(),
            jobs: Vec::new(),
            spare: Some(ProducerId(1_000)),
            mono_ms: 0,
            jumped_ms: 0,
            waiters: 0,
            printed: String::new(),
        }
    }

    fn now(&self) -> Now {
        let wall_ms = WALL_MS + self.mono_ms as i64 + self.jumped_ms;
        Now::at(self.mono_ms, wall_ms)
    }

    fn context(&self) -> Context {
        Context {
            now: self.now(),
            spare: self.spare,
        }
    }

    fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let verb = words.next().expect("a verb");
        let words = Words {
            words: words.collect(),
        };
        let Some(request) = self.request(verb, &words) else {
            let _ = writeln!(self.printed, "{line}");
            return self.control(verb, &words);
        };
        self.waiters += 1;
        let _ = writeln!(self.printed, "#{} {line}", self.waiters);
        let output = self
            .shard
            .handle(self.context(), Waiter(self.waiters), request);
        self.carry_out(output);
        self.tick();
    }

    fn request(&self, verb: &str, words: &Words<'_>) -> Option<Request> {
        let end = |result| {
            Request::End(EndRequest {
                transactional_id: words.id(),
                producer: words.producer(),
                result,
                client_version: self.client_version,
            })
        };
        let add = |mode| {
            Request::AddPartitions(AddPartitionsRequest {
                transactional_id: words.id(),
                producer: words.producer(),
                partitions: words.partitions(2),
                mode,
                client_version: self.client_version,
            })
        };
        Some(match verb {
            "init" => Request::InitProducerId(InitProducerIdRequest {
                transactional_id: words.id(),
                timeout_ms: words.number("timeout", 60_000),
                expected: words.get("as").map(producer),
            }),
            "add" => add(AddMode::Add),
            "verify" => add(AddMode::VerifyOnly),
            "commit" => end(TransactionResult::Commit),
            "abort" => end(TransactionResult::Abort),
            "describe" => Request::Describe(DescribeRequest {
                transactional_id: words.id(),
            }),
            "list" => Request::List(ListRequest {
                states: words.list("states").map(str::to_owned).collect(),
                producer_ids: words
                    .list("ids")
                    .map(|id| ProducerId(id.parse().expect("a producer id")))
                    .collect(),
                running_longer_than_ms: words
                    .get("longer")
                    .map(|text| text.parse().expect("milliseconds")),
            }),
            _ => return None,
        })
    }

    /// What is not a request: settings, time, markers, crashes, foreign records.
    fn control(&mut self, verb: &str, words: &Words<'_>) {
        match verb {
            "config" => self.configure(words),
            "spares" => self.spare = words.nth(0).parse().ok().map(ProducerId),
            "wait" => {
                let until_ms = self.mono_ms + words.nth(0).parse::<u64>().expect("milliseconds");
                self.advance(until_ms);
            }
            "jump" => self.jumped_ms += words.nth(0).parse::<i64>().expect("milliseconds"),
            "reload" => self.reload(),
            "compact" => self.compact(),
            "marked" => {
                let number: usize = words.nth(0).parse().expect("the number of a job");
                let job = self.jobs[number - 1].clone();
                let named = words.partitions(1);
                let partitions = if named.is_empty() {
                    job.partitions.iter().collect()
                } else {
                    named
                };
                let now = self.now();
                let output = self
                    .shard
                    .markers_written(now, &job.transaction, &partitions);
                self.carry_out(output);
            }
            "record" => {
                let record = foreign(words);
                self.print_record(&record);
                self.replay(&record);
                self.log.push(record);
            }
            "stats" => {
                let stats = self.shard.stats();
                let _ = writeln!(self.printed, "  {stats:?}");
            }
            _ => panic!("no such verb: {verb}"),
        }
    }

    fn configure(&mut self, words: &Words<'_>) {
        let config = &mut self.config;
        config.transaction_timeout_ms_max = words.number("max", config.transaction_timeout_ms_max);
        config.transactional_id_expiration_ms =
            words.number("expiration", config.transactional_id_expiration_ms);
        config.expiration_check_interval_ms =
            words.number("check", config.expiration_check_interval_ms);
        config.transaction_partitions_max =
            words.number("partitions", config.transaction_partitions_max);
        config.transaction_version =
            TransactionVersion(words.number("cluster", config.transaction_version.0));
        self.client_version = TransactionVersion(words.number("client", self.client_version.0));
        self.shard.set_config(self.config.clone());
    }

    fn advance(&mut self, until_ms: u64) {
        while let Some(deadline_ms) = self.shard.next_deadline_ms().filter(|ms| *ms <= until_ms) {
            self.mono_ms = self.mono_ms.max(deadline_ms);
            self.tick();
        }
        self.mono_ms = until_ms;
    }

    fn tick(&mut self) {
        let is_due = |ms: u64, script: &Self| ms <= script.mono_ms;
        while self
            .shard
            .next_deadline_ms()
            .is_some_and(|ms| is_due(ms, self))
        {
            let output = self.shard.tick(self.context());
            if output != Output::default() {
                let _ = writeln!(self.printed, "  at {} ms:", self.mono_ms);
            }
            self.carry_out(output);
        }
    }

    fn reload(&mut self) {
        self.shard = TransactionShard::new(self.config.clone(), COORDINATOR_EPOCH);
        for record in std::mem::take(&mut self.log) {
            self.replay(&record);
            self.log.push(record);
        }
        let output = self.shard.loaded(self.now());
        self.carry_out(output);
        self.tick();
    }

    /// Leaves the last record of each key.
    fn compact(&mut self) {
        let mut kept: Vec<Record> = Vec::new();
        for record in self.log.drain(..) {
            kept.retain(|older| older.key != record.key);
            kept.push(record);
        }
        self.log = kept;
    }

    fn replay(&mut self, record: &Record) {
        self.shard
            .replay(&record.key, record.value.as_deref())
            .expect("our own records");
    }

    fn carry_out(&mut self, output: Output) {
        for notice in output.notices {
            let _ = writeln!(self.printed, "  {notice:?}");
        }
        for record in output.records {
            self.print_record(&record);
            self.replay(&record);
            self.log.push(record);
        }
        match output.spare {
            SpareUse::Kept => {}
            SpareUse::Taken => self.spare = self.spare.map(|id| ProducerId(id.get() + 1)),
            SpareUse::Missing => self.printed.push_str("  a producer id is missing\n"),
        }
        for (waiter, reply) in output.replies {
            let _ = write!(self.printed, "  #{}: ", waiter.0);
            print_reply(&mut self.printed, reply);
            self.printed.push('\n');
        }
        for job in output.jobs {
            self.jobs.push(job.clone());
            let _ = writeln!(
                self.printed,
                "  job {}: {:?} for {} of {} by coordinator {} and client {}: {}",
                self.jobs.len(),
                job.result,
                job.transaction.transactional_id,
                job.transaction.producer,
                job.coordinator_epoch,
                job.client_version.0,
                names(&job.partitions),
            );
        }
    }

    fn print_record(&mut self, record: &Record) {
        let RecordKey::Transaction(id) = RecordKey::decode(&record.key).expect("our own key")
        else {
            panic!("another kind of record");
        };
        let out = &mut self.printed;
        let Some(value) = &record.value else {
            let _ = writeln!(out, "  log: {id} deleted");
            return;
        };
        let version = value[1];
        let value = TransactionValue::decode(value).expect("our own value");
        let _ = write!(out, "  log: {id} {} {}", value.state, value.producer);
        if value.previous_producer_id != value.producer.id {
            let _ = write!(out, " previous={}", value.previous_producer_id);
        }
        if value.next_producer_id != ProducerId::NONE {
            let _ = write!(out, " next={}", value.next_producer_id);
        }
        if !value.partitions.is_empty() {
            let _ = write!(out, " {}", names(&value.partitions));
        }
        if value.start_ms >= 0 {
            let _ = write!(out, " since {}", value.start_ms - WALL_MS);
        }
        let client = value.client_version.0;
        let _ = writeln!(out, " client={client} v{version}");
    }
}

fn names(partitions: &PartitionSet) -> String {
    let names: Vec<String> = partitions.iter().map(|name| name.to_string()).collect();
    names.join(",")
}

/// A record of a transactional id with one partition in its transaction.
pub(super) fn foreign_record(id: &str, state: &str) -> Record {
    foreign(&Words {
        words: vec![id, "5/3", state, "t-0"],
    })
}

/// A record that something else wrote.
fn foreign(words: &Words<'_>) -> Record {
    let producer = words.producer();
    let value = TransactionValue {
        producer,
        previous_producer_id: ProducerId(words.number("previous", producer.id.get())),
        next_producer_id: ProducerId(words.number("next", -1)),
        timeout_ms: words.number("timeout", 60_000),
        state: TransactionState::from_name(words.nth(2)).expect("a state"),
        partitions: words.partitions(3).into_iter().collect(),
        last_update_ms: WALL_MS + words.number("updated", 0_i64),
        start_ms: WALL_MS + words.number("since", 0_i64),
        client_version: TransactionVersion(words.number("client", 0)),
    };
    Record {
        key: RecordKey::encode(&words.id()),
        value: Some(value.encode(TransactionVersion::TV_1)),
    }
}

fn print_reply(out: &mut String, reply: Reply) {
    let result = match reply {
        Reply::InitProducerId(Ok(producer)) => write!(out, "initialised as {producer}"),
        Reply::End(Ok(Some(producer))) => write!(out, "ended, goes on as {producer}"),
        Reply::End(Ok(None)) => write!(out, "ended"),
        Reply::InitProducerId(Err(error))
        | Reply::End(Err(error))
        | Reply::Describe(Err(error)) => write!(out, "{error:?}"),
        Reply::AddPartitions(partitions) => {
            for AddedPartition { partition, result } in partitions {
                let _ = match result {
                    Ok(()) => write!(out, "{partition} ok "),
                    Err(error) => write!(out, "{partition} {error:?} "),
                };
            }
            out.truncate(out.trim_end().len());
            Ok(())
        }
        Reply::Describe(Ok(found)) => write!(
            out,
            "{} {} {} timeout={} since {} [{}]",
            found.transactional_id,
            found.state,
            found.producer,
            found.timeout_ms,
            found.start_ms,
            names(&found.partitions),
        ),
        Reply::List(listed) => {
            for found in listed.transactions {
                let (id, state) = (found.transactional_id, found.state);
                let _ = write!(out, "{id} {} {state}; ", found.producer_id);
            }
            write!(out, "unknown {:?}", listed.unknown_states)
        }
    };
    result.expect("text grows");
}
