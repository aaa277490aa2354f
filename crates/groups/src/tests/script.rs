//! Scenarios as text: one request or passage of time per line, and what came of it below.
//!
//! Each line is echoed with the number of its waiter. A new member's id ends in that number. The
//! driver's part is played as the contract demands: records are appended and replayed at once,
//! and ticks follow until nothing is due.
//!
//! Lines are `verb group words…`; words are `key=value` or bare, see the verbs below.

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};
use highwater_types::{
    LeaderEpoch, Now, Offset, PartitionIndex, ProducerEpoch, ProducerId, TopicId, TopicName,
    TransactionOutcome, TransactionalProducer,
};

use super::printing::print_reply;
use crate::records::{GroupMetadataValue, OffsetCommitValue, RecordKey};
use crate::*;

/// The wall clock of scripts when the monotonic one shows 0.
const WALL_MS: i64 = 1_000_000;

pub(super) struct Script {
    config: GroupConfig,
    shard: GroupShard,
    log: Vec<Entry>,
    mono_ms: u64,
    /// How far the wall clock has jumped.
    jumped_ms: i64,
    waiters: u64,
    printed: String,
}

/// What stands in the log.
#[derive(Clone)]
enum Entry {
    Plain(Record),
    InTransaction(ProducerId, Record),
    End(ProducerId, TransactionOutcome),
}

/// The words of a line after its verb.
struct Words<'a> {
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn bare(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.words
            .iter()
            .copied()
            .filter(|word| !word.contains('='))
    }

    fn nth(&self, n: usize) -> &'a str {
        self.bare().nth(n).expect("a word is missing")
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.words.iter().filter_map(|word| word.split_once('='))
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.pairs()
            .find(|(found, _)| *found == key)
            .map(|(_, value)| value)
    }

    fn number<T: std::str::FromStr>(&self, key: &str, default: T) -> T {
        self.get(key)
            .map_or(default, |text| text.parse().ok().expect("a number"))
    }

    fn has(&self, word: &str) -> bool {
        self.bare().any(|found| found == word)
    }

    fn group(&self) -> GroupId {
        GroupId::from(self.words[0])
    }

    fn member(&self) -> MemberId {
        MemberId::from(self.get("id").unwrap_or(""))
    }

    fn instance(&self) -> Option<InstanceId> {
        self.get("instance").map(InstanceId::from)
    }
}

/// Runs a script and gives back all that it printed.
pub(super) fn run(text: &str) -> String {
    let mut script = Script::new(GroupConfig::default());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        script.line(line);
    }
    script.printed
}

/// The metadata of a consumer that subscribes to topics.
pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(topics.len() as i32);
    for topic in topics {
        bytes.put_i16(topic.len() as i16);
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

pub(super) fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

fn topic_partition(text: &str) -> (TopicName, PartitionIndex) {
    let (name, index) = text.rsplit_once('-').expect("topic-partition");
    (
        topic(name),
        PartitionIndex(index.parse().expect("a partition")),
    )
}

fn topic_id(text: &str) -> TopicId {
    TopicId([text.parse().expect("a small number"); 16])
}

impl Script {
    fn new(config: GroupConfig) -> Self {
        let mut shard = GroupShard::new(config.clone());
        shard.loaded(Now::at(0, WALL_MS));
        Self {
            config,
            shard,
            log: Vec::new(),
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

    fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let verb = words.next().expect("a verb");
        let words = Words {
            words: words.collect(),
        };
        let Some(request) = request(verb, &words, self.waiters + 1) else {
            let _ = writeln!(self.printed, "{line}");
            return self.control(verb, &words);
        };
        self.waiters += 1;
        let _ = writeln!(self.printed, "#{} {line}", self.waiters);
        let output = self.shard.handle(self.now(), Waiter(self.waiters), request);
        self.carry_out(output);
        self.tick();
    }

    /// What is not a request: settings, time, crashes, closed connections, foreign records.
    fn control(&mut self, verb: &str, words: &Words<'_>) {
        match verb {
            "config" => {
                let config = &mut self.config;
                config.group_size_max = words.number("size", config.group_size_max);
                config.initial_rebalance_delay_ms =
                    words.number("delay", config.initial_rebalance_delay_ms);
                config.offset_metadata_len_max =
                    words.number("metadata", config.offset_metadata_len_max);
                config.offsets_retention_ms =
                    words.number("retention", config.offsets_retention_ms);
                config.offsets_retention_check_interval_ms =
                    words.number("check", config.offsets_retention_check_interval_ms);
                self.shard.set_config(self.config.clone());
            }
            "wait" => {
                let until_ms = self.mono_ms + words.nth(0).parse::<u64>().expect("milliseconds");
                self.advance(until_ms);
            }
            "jump" => self.jumped_ms += words.nth(0).parse::<i64>().expect("milliseconds"),
            "reload" => self.reload(),
            "forget" => {
                let waiter = Waiter(words.nth(0).parse().expect("a waiter"));
                self.shard.forget(self.now(), waiter);
                self.tick();
            }
            "stats" => {
                let stats = self.shard.stats();
                let _ = writeln!(
                    self.printed,
                    "  empty={} preparing={} completing={} stable={} members={} offsets={} \
                     parked={} skipped={}",
                    stats.empty_groups,
                    stats.preparing_groups,
                    stats.completing_groups,
                    stats.stable_groups,
                    stats.members,
                    stats.offsets,
                    stats.parked_requests,
                    stats.skipped_records
                );
            }
            "end" => {
                let producer = ProducerId(words.nth(0).parse().expect("a producer id"));
                let outcome = match words.nth(1) {
                    "commit" => TransactionOutcome::Committed,
                    _ => TransactionOutcome::Aborted,
                };
                let entry = Entry::End(producer, outcome);
                self.replay(&entry);
                self.log.push(entry);
            }
            "replay" => {
                let record_type: i16 = words.nth(0).parse().expect("a type");
                self.shard
                    .replay(&record_type.to_be_bytes(), None)
                    .expect("kept or skipped");
            }
            _ => panic!("no such verb: {verb}"),
        }
    }

    fn advance(&mut self, until_ms: u64) {
        while let Some(deadline_ms) = self.shard.next_deadline_ms().filter(|ms| *ms <= until_ms) {
            self.mono_ms = self.mono_ms.max(deadline_ms);
            self.tick();
        }
        self.mono_ms = until_ms;
    }

    fn tick(&mut self) {
        while self
            .shard
            .next_deadline_ms()
            .is_some_and(|ms| ms <= self.mono_ms)
        {
            let output = self.shard.tick(self.now());
            if output != Output::default() {
                let _ = writeln!(self.printed, "  at {} ms:", self.mono_ms);
            }
            self.carry_out(output);
        }
    }

    fn reload(&mut self) {
        self.shard = GroupShard::new(self.config.clone());
        for entry in self.log.clone() {
            self.replay(&entry);
        }
        self.shard.loaded(self.now());
        self.tick();
    }

    fn replay(&mut self, entry: &Entry) {
        let replayed = match entry {
            Entry::Plain(record) => self.shard.replay(&record.key, record.value.as_deref()),
            Entry::InTransaction(producer, record) => {
                let value = record.value.as_deref();
                self.shard
                    .replay_in_transaction(*producer, &record.key, value)
            }
            Entry::End(producer, outcome) => {
                self.shard.transaction_ended(*producer, *outcome);
                Ok(())
            }
        };
        replayed.expect("our own records");
    }

    fn carry_out(&mut self, output: Output) {
        for notice in output.notices {
            self.print_notice(&notice);
        }
        for record in output.records {
            self.print_record(&record);
            let entry = match &output.transaction {
                None => Entry::Plain(record),
                Some(producer) => Entry::InTransaction(producer.id, record),
            };
            self.replay(&entry);
            self.log.push(entry);
        }
        for (waiter, reply) in output.replies {
            let _ = write!(self.printed, "  #{}: ", waiter.0);
            print_reply(&mut self.printed, reply);
            self.printed.push('\n');
        }
    }

    fn print_notice(&mut self, notice: &Notice) {
        let _ = match notice {
            Notice::RebalanceStarted {
                group_id,
                generation,
                reason,
            } => {
                writeln!(
                    self.printed,
                    "  {group_id} rebalances after {generation}: {reason}"
                )
            }
            Notice::MemberRemoved {
                group_id,
                member_id,
                reason,
            } => {
                writeln!(self.printed, "  {group_id} removes {member_id}: {reason}")
            }
            Notice::OffsetsExpired { group_id, offsets } => {
                writeln!(self.printed, "  {group_id} expires {offsets} offsets")
            }
            Notice::GroupRemoved { group_id } => {
                writeln!(self.printed, "  {group_id} is removed")
            }
            Notice::GenerationStarted { .. } | Notice::RebalanceCompleted { .. } => Ok(()),
        };
    }

    fn print_record(&mut self, record: &Record) {
        let out = &mut self.printed;
        let _ = write!(out, "  log: ");
        match (
            RecordKey::decode(&record.key).expect("our own key"),
            record.value.as_deref(),
        ) {
            (
                RecordKey::OffsetCommit {
                    group_id,
                    topic,
                    partition,
                },
                Some(value),
            ) => {
                let value = OffsetCommitValue::decode(value).expect("our own value");
                let _ = write!(out, "{group_id} {topic}-{partition} = {}", value.offset);
                if let Some(at) = value.expire_timestamp_ms {
                    let _ = write!(out, " until {at}");
                }
            }
            (
                RecordKey::OffsetCommit {
                    group_id,
                    topic,
                    partition,
                },
                None,
            ) => {
                let _ = write!(out, "{group_id} {topic}-{partition} deleted");
            }
            (RecordKey::GroupMetadata { group_id }, Some(value)) => {
                let value = GroupMetadataValue::decode(value).expect("our own value");
                let _ = write!(out, "{group_id} generation={}", value.generation);
                if let Some(protocol) = value.protocol {
                    let _ = write!(out, " protocol={protocol}");
                }
                if let Some(leader) = value.leader {
                    let _ = write!(out, " leader={leader}");
                }
                for member in value.members {
                    let _ = write!(out, " {}={}", member.member_id, ascii(&member.assignment));
                }
            }
            (RecordKey::GroupMetadata { group_id }, None) => {
                let _ = write!(out, "{group_id} deleted");
            }
            (RecordKey::Other { record_type }, _) => {
                let _ = write!(out, "type {record_type}");
            }
        }
        self.printed.push('\n');
    }
}

pub(super) fn ascii(bytes: &[u8]) -> String {
    format!("'{}'", bytes.escape_ascii())
}

fn join(words: &Words<'_>, waiter: u64) -> JoinRequest {
    let protocol = |text: &str| {
        let (name, metadata) = text.split_once(':').unwrap_or((text, ""));
        JoinProtocol {
            name: name.to_owned(),
            metadata: match words.get("topics") {
                Some(topics) => subscription(&topics.split(',').collect::<Vec<_>>()),
                None => Bytes::copy_from_slice(metadata.as_bytes()),
            },
        }
    };
    let protocols = words.get("protocols").unwrap_or("range:m");
    JoinRequest {
        group_id: words.group(),
        member_id: words.member(),
        member_id_suffix: waiter.to_string(),
        group_instance_id: words.instance(),
        client_id: words.nth(1).to_owned(),
        client_host: "/10.0.0.1".to_owned(),
        session_timeout_ms: words.number("session", 10_000),
        rebalance_timeout_ms: words.number("rebalance", 60_000),
        protocol_type: words.get("type").unwrap_or("consumer").to_owned(),
        protocols: protocols
            .split(',')
            .filter(|text| !text.is_empty())
            .map(protocol)
            .collect(),
        requires_known_member_id: words.has("v4"),
        supports_skipping_assignment: words.has("v9"),
        reason: None,
    }
}

fn commit(words: &Words<'_>) -> CommitOffsetsRequest {
    let mut topics = Vec::new();
    for (name, offset) in words.pairs().filter(|(name, _)| name.contains('-')) {
        let (topic, partition) = topic_partition(name);
        let leader_epoch = words
            .get("epoch")
            .map(|text| LeaderEpoch(text.parse().unwrap()));
        let partition = CommitPartition {
            partition,
            offset: Offset(offset.parse().expect("an offset")),
            leader_epoch,
            metadata: words.get("metadata").map(str::to_owned),
        };
        let topic_id = words.get("topic_id").map(topic_id);
        topics.push(CommitTopic {
            topic,
            topic_id,
            partitions: vec![partition],
        });
    }
    CommitOffsetsRequest {
        group_id: words.group(),
        member_id: words.member(),
        group_instance_id: words.instance(),
        transaction: words.get("txn").map(|id| TransactionalProducer {
            id: ProducerId(id.parse().expect("a producer id")),
            epoch: ProducerEpoch(0),
        }),
        generation: words.number("gen", -1),
        retention_ms: words
            .get("retention")
            .map(|text| text.parse().expect("milliseconds")),
        topics,
    }
}

fn fetch(words: &Words<'_>) -> FetchOffsetsRequest {
    let mut topics = Vec::new();
    for name in words.bare().skip(1) {
        let (topic, partition) = topic_partition(name);
        let topic_id = words.get("topic_id").map(topic_id);
        topics.push(FetchTopic {
            topic,
            topic_id,
            partitions: vec![partition],
        });
    }
    let topics = (!topics.is_empty()).then_some(topics);
    FetchOffsetsRequest {
        group_id: words.group(),
        topics,
        require_stable: words.get("stable") != Some("any"),
    }
}

fn leave(words: &Words<'_>) -> LeaveRequest {
    let mut members = Vec::new();
    for (key, value) in words.pairs() {
        let (id, instance) = match key {
            "id" => value
                .split_once('/')
                .map_or((value, None), |(id, i)| (id, Some(i))),
            _ => ("", Some(value)),
        };
        members.push(LeavingMember {
            member_id: MemberId::from(id),
            group_instance_id: instance.map(InstanceId::from),
            reason: None,
        });
    }
    LeaveRequest {
        group_id: words.group(),
        members,
    }
}

fn request(verb: &str, words: &Words<'_>, waiter: u64) -> Option<Request> {
    let names = |key: &str| {
        let names = words
            .get(key)
            .into_iter()
            .flat_map(|names| names.split(','));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    Some(match verb {
        "join" => Request::Join(join(words, waiter)),
        "sync" => Request::Sync(SyncRequest {
            group_id: words.group(),
            member_id: words.member(),
            group_instance_id: words.instance(),
            generation: words.number("gen", 1),
            protocol_type: words.get("type").map(str::to_owned),
            protocol: words.get("protocol").map(str::to_owned),
            assignments: names("assign")
                .iter()
                .filter_map(|text| text.split_once(':'))
                .map(|(id, text)| {
                    let times = if text == "huge" { 5 << 20 } else { 1 };
                    (
                        MemberId::from(id),
                        Bytes::from(text.as_bytes().repeat(times)),
                    )
                })
                .collect(),
        }),
        "heartbeat" => Request::Heartbeat(HeartbeatRequest {
            group_id: words.group(),
            member_id: words.member(),
            group_instance_id: words.instance(),
            generation: words.number("gen", 1),
        }),
        "leave" => Request::Leave(leave(words)),
        "commit" => Request::CommitOffsets(commit(words)),
        "fetch" => Request::FetchOffsets(fetch(words)),
        "delete-offsets" => {
            let asked = words.bare().skip(1).map(topic_partition);
            let topics = asked
                .map(|(topic, partition)| (topic, vec![partition]))
                .collect();
            Request::DeleteOffsets(DeleteOffsetsRequest {
                group_id: words.group(),
                topics,
            })
        }
        "describe" => Request::Describe(DescribeRequest {
            group_id: words.group(),
        }),
        "list" => Request::List(ListRequest {
            states: names("states"),
            kinds: names("kinds"),
        }),
        "delete" => Request::DeleteGroup(DeleteGroupRequest {
            group_id: words.group(),
        }),
        "drop-topics" => {
            let topic_id = words.get("topic_id").map(topic_id);
            let dropped = words.bare().map(|name| DroppedTopic {
                topic: topic(name),
                topic_id,
            });
            Request::DropTopics(DropTopicsRequest {
                topics: dropped.collect(),
            })
        }
        _ => return None,
    })
}
