//! Whatever clients, clocks, closed connections and crashes do: offsets never go back, a
//! generation has one leader, nobody waits for ever, and the log says what the memory says.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use highwater_types::{Now, Offset, PartitionIndex};
use proptest::prelude::*;

use super::script::{subscription, topic};
use crate::records::{GroupMetadataValue, RecordKey};
use crate::shard::Membership;
use crate::*;

const GROUPS: [&str; 2] = ["g", "h"];
const CLIENTS: usize = 4;
/// Longer than any rebalance timeout that a client asks for.
const REBALANCE_TIMEOUT_MS_MAX: u64 = 30_000;

/// What the clients, the network or the machine do next.
#[derive(Clone, Debug)]
enum Event {
    /// All clients join until none is missing; then some or all of them sync.
    Gather {
        group: usize,
        metadata: u8,
        syncs: usize,
    },
    Join {
        client: usize,
        group: usize,
        known: bool,
        metadata: u8,
    },
    Sync {
        client: usize,
        group: usize,
    },
    Heartbeat {
        client: usize,
        group: usize,
    },
    Leave {
        client: usize,
        group: usize,
    },
    Commit {
        client: usize,
        group: usize,
        as_member: bool,
    },
    Delete {
        group: usize,
    },
    Disconnect {
        nth: prop::sample::Index,
    },
    Wait {
        ms: u64,
    },
    Reload,
    /// The machine stops while the records of a later step are on their way to the disk.
    CrashSoon {
        kept: prop::sample::Index,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let (client, group) = (0..CLIENTS, 0..GROUPS.len());
    let of = (client, group);
    prop_oneof![
        4 => (0..GROUPS.len(), 0..3_u8, 0..=CLIENTS).prop_map(|(group, metadata, syncs)| {
            Event::Gather { group, metadata, syncs }
        }),
        6 => (of.clone(), any::<bool>(), 0..3_u8).prop_map(|((client, group), known, metadata)| {
            Event::Join { client, group, known, metadata }
        }),
        6 => of.clone().prop_map(|(client, group)| Event::Sync { client, group }),
        3 => of.clone().prop_map(|(client, group)| Event::Heartbeat { client, group }),
        2 => of.clone().prop_map(|(client, group)| Event::Leave { client, group }),
        3 => (of, any::<bool>()).prop_map(|((client, group), as_member)| {
            Event::Commit { client, group, as_member }
        }),
        1 => (0..GROUPS.len()).prop_map(|group| Event::Delete { group }),
        1 => any::<prop::sample::Index>().prop_map(|nth| Event::Disconnect { nth }),
        4 => prop_oneof![6 => 0..100_u64, 3 => 0..6_000_u64, 1 => 0..40_000_u64]
            .prop_map(|ms| Event::Wait { ms }),
        1 => Just(Event::Reload),
        1 => any::<prop::sample::Index>().prop_map(|kept| Event::CrashSoon { kept }),
    ]
}

/// What a client knows of its place in one group.
#[derive(Clone, Debug, Default)]
struct Place {
    member_id: Option<MemberId>,
    generation: i32,
    members: Vec<MemberId>,
}

/// A request that waits for its reply.
#[derive(Clone, Debug)]
struct Outstanding {
    client: usize,
    group: usize,
    /// As the client knew itself when it asked.
    member_id: MemberId,
    since_ms: u64,
}

struct World {
    config: GroupConfig,
    shard: GroupShard,
    log: Vec<Record>,
    mono_ms: u64,
    waiters: u64,
    places: BTreeMap<(usize, usize), Place>,
    outstanding: BTreeMap<Waiter, Outstanding>,
    /// Replies that nobody may give any more.
    gone: BTreeSet<Waiter>,
    /// The last position that was acknowledged.
    committed: [Option<i64>; GROUPS.len()],
    next_offset: i64,
    /// Who was given the members to assign to, by load of the shard, group and generation.
    leaders: BTreeMap<(u32, usize, i32), MemberId>,
    loads: u32,
    /// How much of the next records reaches the disk before the machine stops.
    crash_soon: Option<prop::sample::Index>,
}

fn instance(client: usize) -> Option<InstanceId> {
    (client == 0).then(|| InstanceId::from("static"))
}

impl World {
    fn new(initial_rebalance_delay_ms: u64) -> Self {
        let config = GroupConfig {
            initial_rebalance_delay_ms,
            ..GroupConfig::default()
        };
        let mut shard = GroupShard::new(config.clone());
        shard.loaded(Now::at(0, 0));
        Self {
            config,
            shard,
            log: Vec::new(),
            mono_ms: 0,
            waiters: 0,
            places: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            gone: BTreeSet::new(),
            committed: [None; GROUPS.len()],
            next_offset: 0,
            leaders: BTreeMap::new(),
            loads: 0,
            crash_soon: None,
        }
    }

    fn now(&self) -> Now {
        Now::at(self.mono_ms, self.mono_ms as i64)
    }

    fn event(&mut self, event: &Event) {
        match *event {
            Event::Gather {
                group,
                metadata,
                syncs,
            } => self.gather(group, metadata, syncs),
            Event::Join {
                client,
                group,
                known,
                metadata,
            } => {
                let request = self.join(client, group, known, metadata);
                self.request(client, group, Request::Join(request));
            }
            Event::Sync { client, group } => {
                let request = self.sync(client, group);
                self.request(client, group, Request::Sync(request));
            }
            Event::Heartbeat { client, group } => {
                let place = self.place(client, group);
                let request = HeartbeatRequest {
                    group_id: GROUPS[group].into(),
                    member_id: place.member_id.unwrap_or_else(MemberId::unknown),
                    group_instance_id: instance(client),
                    generation: place.generation,
                };
                self.request(client, group, Request::Heartbeat(request));
            }
            Event::Leave { client, group } => {
                let member = LeavingMember {
                    member_id: self.member_id(client, group),
                    group_instance_id: instance(client),
                    reason: None,
                };
                let group_id = GROUPS[group].into();
                let request = LeaveRequest {
                    group_id,
                    members: vec![member],
                };
                self.request(client, group, Request::Leave(request));
            }
            Event::Commit {
                client,
                group,
                as_member,
            } => self.commit(client, group, as_member),
            Event::Delete { group } => {
                let request = DeleteGroupRequest {
                    group_id: GROUPS[group].into(),
                };
                self.request(0, group, Request::DeleteGroup(request));
            }
            Event::Disconnect { nth } => {
                let waiting: Vec<Waiter> = self.outstanding.keys().copied().collect();
                if !waiting.is_empty() {
                    let waiter = waiting[nth.index(waiting.len())];
                    self.outstanding.remove(&waiter);
                    self.gone.insert(waiter);
                    self.shard.forget(self.now(), waiter);
                    self.tick();
                }
            }
            Event::Wait { ms } => self.wait(ms),
            Event::Reload => self.reload(),
            Event::CrashSoon { kept } => self.crash_soon = Some(kept),
        }
    }

    /// The second round is for those who were told to come back with an id, and for those who
    /// joined before the leader did.
    fn gather(&mut self, group: usize, metadata: u8, syncs: usize) {
        for _ in 0..2 {
            for client in 0..CLIENTS {
                let of = |asked: &Outstanding| (asked.client, asked.group) == (client, group);
                if !self.outstanding.values().any(of) {
                    let request = self.join(client, group, true, metadata);
                    self.request(client, group, Request::Join(request));
                }
            }
        }
        self.wait(self.config.initial_rebalance_delay_ms);
        for client in (0..CLIENTS).rev().take(syncs) {
            let request = self.sync(client, group);
            self.request(client, group, Request::Sync(request));
        }
    }

    fn place(&self, client: usize, group: usize) -> Place {
        self.places
            .get(&(client, group))
            .cloned()
            .unwrap_or_default()
    }

    fn member_id(&self, client: usize, group: usize) -> MemberId {
        self.place(client, group)
            .member_id
            .unwrap_or_else(MemberId::unknown)
    }

    fn join(&self, client: usize, group: usize, known: bool, metadata: u8) -> JoinRequest {
        let id = if known {
            self.member_id(client, group)
        } else {
            MemberId::unknown()
        };
        let topics: &[&str] = if metadata == 0 { &["t"] } else { &["t", "u"] };
        let protocol = |name: &str| JoinProtocol {
            name: name.to_owned(),
            metadata: subscription(topics),
        };
        JoinRequest {
            group_id: GROUPS[group].into(),
            member_id: id,
            member_id_suffix: (self.waiters + 1).to_string(),
            group_instance_id: instance(client),
            client_id: format!("c{client}"),
            client_host: "/h".into(),
            session_timeout_ms: 6_000 + 45_000 * client as i32,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS_MAX as i32 - 7_000 * client as i32,
            protocol_type: "consumer".into(),
            protocols: match metadata {
                2 => vec![protocol("y"), protocol("x")],
                _ => vec![protocol("x"), protocol("y")],
            },
            requires_known_member_id: client % 2 == 1,
            supports_skipping_assignment: self.waiters.is_multiple_of(2),
            reason: None,
        }
    }

    /// Every member that the leader was told of gets its own name assigned.
    fn sync(&self, client: usize, group: usize) -> SyncRequest {
        let place = self.place(client, group);
        let assign = |id: &MemberId| (id.clone(), Bytes::copy_from_slice(id.as_str().as_bytes()));
        SyncRequest {
            group_id: GROUPS[group].into(),
            member_id: place.member_id.clone().unwrap_or_else(MemberId::unknown),
            group_instance_id: instance(client),
            generation: place.generation,
            protocol_type: Some("consumer".into()),
            protocol: None,
            assignments: place.members.iter().map(assign).collect(),
        }
    }

    fn commit(&mut self, client: usize, group: usize, as_member: bool) {
        self.next_offset += 1;
        let place = self.place(client, group);
        let partition = CommitPartition {
            partition: PartitionIndex(0),
            offset: Offset(self.next_offset),
            leader_epoch: None,
            metadata: None,
        };
        let member_id = place.member_id.unwrap_or_else(MemberId::unknown);
        let request = CommitOffsetsRequest {
            group_id: GROUPS[group].into(),
            member_id: if as_member {
                member_id
            } else {
                MemberId::unknown()
            },
            group_instance_id: instance(client).filter(|_| as_member),
            transaction: None,
            generation: if as_member { place.generation } else { -1 },
            retention_ms: None,
            topics: vec![CommitTopic {
                topic: topic("t"),
                topic_id: None,
                partitions: vec![partition],
            }],
        };
        self.request(client, group, Request::CommitOffsets(request));
    }

    fn request(&mut self, client: usize, group: usize, request: Request) {
        self.waiters += 1;
        let waiter = Waiter(self.waiters);
        let since_ms = self.mono_ms;
        let member_id = self.member_id(client, group);
        let asked = Outstanding {
            client,
            group,
            member_id,
            since_ms,
        };
        self.outstanding.insert(waiter, asked);
        let output = self.shard.handle(self.now(), waiter, request);
        self.carry_out(output);
        self.tick();
        self.check();
    }

    fn wait(&mut self, ms: u64) {
        let until_ms = self.mono_ms + ms;
        while let Some(due_ms) = self.shard.next_deadline_ms().filter(|due| *due <= until_ms) {
            self.mono_ms = self.mono_ms.max(due_ms);
            self.tick();
            self.check();
        }
        self.mono_ms = until_ms;
        self.check();
    }

    fn tick(&mut self) {
        while self
            .shard
            .next_deadline_ms()
            .is_some_and(|due_ms| due_ms <= self.mono_ms)
        {
            let output = self.shard.tick(self.now());
            self.carry_out(output);
        }
    }

    fn reload(&mut self) {
        self.shard = self.replayed();
        self.shard.loaded(self.now());
        self.gone
            .extend(std::mem::take(&mut self.outstanding).into_keys());
        self.loads += 1;
    }

    fn replayed(&self) -> GroupShard {
        let mut shard = GroupShard::new(self.config.clone());
        for record in &self.log {
            shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
        shard
    }

    /// Nobody is answered; what had reached the disk counts, all of it or any first part.
    fn crash(&mut self, kept: prop::sample::Index, mut records: Vec<Record>) {
        let deletes = records.iter().any(|record| record.value.is_none());
        records.truncate(kept.index(records.len() + 1));
        self.log.extend(records);
        self.reload();
        let now = self.now();
        for group in 0..GROUPS.len() {
            let found = Self::fetched(&mut self.shard, now, group);
            let before = self.committed[group];
            let is_deleted = deletes && found.is_none();
            assert!(found >= before || is_deleted, "{found:?} after {before:?}");
            self.committed[group] = found;
        }
    }

    fn carry_out(&mut self, output: Output) {
        if !output.records.is_empty()
            && let Some(kept) = self.crash_soon.take()
        {
            return self.crash(kept, output.records);
        }
        for record in output.records {
            if let (Ok(RecordKey::GroupMetadata { group_id }), None) =
                (RecordKey::decode(&record.key), &record.value)
            {
                // Another group of that name counts its generations from the start.
                self.leaders
                    .retain(|(_, group, _), _| GROUPS[*group] != group_id.as_str());
            }
            self.shard
                .replay(&record.key, record.value.as_deref())
                .unwrap();
            self.log.push(record);
        }
        for (waiter, reply) in output.replies {
            assert!(
                !self.gone.contains(&waiter),
                "{waiter:?} was answered after it was gone"
            );
            let asked = self.outstanding.remove(&waiter);
            let asked = asked.unwrap_or_else(|| panic!("{waiter:?} was answered twice"));
            self.replied(&asked, reply);
        }
    }

    fn replied(&mut self, asked: &Outstanding, reply: Reply) {
        let place = self.places.entry((asked.client, asked.group)).or_default();
        match reply {
            Reply::Join(JoinReply {
                member_id,
                result: Ok(joined),
            }) => {
                place.member_id = Some(member_id.clone());
                place.generation = joined.generation;
                place.members.clear();
                if !joined.members.is_empty() && !joined.skip_assignment {
                    assert_eq!(joined.leader, member_id);
                    place.members = joined.members.into_iter().map(|m| m.member_id).collect();
                    let generation = (self.loads, asked.group, joined.generation);
                    let leader = self.leaders.entry(generation).or_insert(member_id.clone());
                    assert_eq!(*leader, member_id, "two leaders in {generation:?}");
                }
            }
            Reply::Join(JoinReply {
                member_id,
                result: Err(error),
            }) => match error {
                GroupError::MemberIdRequired => place.member_id = Some(member_id),
                GroupError::UnknownMemberId => place.member_id = None,
                _ => {}
            },
            // A static member may go on with what its former id was assigned.
            Reply::Sync(Ok(sync)) if asked.client != 0 && !sync.assignment.is_empty() => {
                assert_eq!(sync.assignment, asked.member_id.as_str().as_bytes());
            }
            Reply::CommitOffsets(Ok(topics)) => {
                assert_eq!(topics[0].partitions[0].1, Ok(()));
                self.committed[asked.group] = Some(self.next_offset);
            }
            Reply::DeleteGroup(Ok(())) => self.committed[asked.group] = None,
            _ => {}
        }
    }

    fn fetched(shard: &mut GroupShard, now: Now, group: usize) -> Option<i64> {
        let partitions = vec![PartitionIndex(0)];
        let topics = vec![FetchTopic {
            topic: topic("t"),
            topic_id: None,
            partitions,
        }];
        let request = FetchOffsetsRequest {
            group_id: GROUPS[group].into(),
            topics: Some(topics),
            require_stable: false,
        };
        let output = shard.handle(now, Waiter(0), Request::FetchOffsets(request));
        match &output.replies[..] {
            [(_, Reply::FetchOffsets(topics))] => topics[0].partitions[0]
                .1
                .as_ref()
                .unwrap()
                .as_ref()
                .map(|found| found.offset.get()),
            other => panic!("{other:?}"),
        }
    }

    /// All that the log should know of a group that is empty or stable.
    fn generation(shard: &GroupShard, now: Now, group: usize) -> Option<GroupMetadataValue> {
        let Membership::Classic(classic) = &shard.groups.get(GROUPS[group])?.membership;
        Some(classic.generation_record(now, |member| member.assignment.clone()))
    }

    fn described(shard: &mut GroupShard, now: Now, group: usize) -> DescribedGroup {
        let request = DescribeRequest {
            group_id: GROUPS[group].into(),
        };
        let mut output = shard.handle(now, Waiter(0), Request::Describe(request));
        match output.replies.pop() {
            Some((_, Reply::Describe(group))) => group,
            other => panic!("{other:?}"),
        }
    }

    fn check(&mut self) {
        let now = self.now();
        let mut replayed = self.replayed();
        for group in 0..GROUPS.len() {
            let here = Self::fetched(&mut self.shard, now, group);
            assert_eq!(
                here, self.committed[group],
                "an acknowledged offset went back"
            );
            assert_eq!(
                Self::fetched(&mut replayed, now, group),
                here,
                "the log says otherwise"
            );
            let here = Self::described(&mut self.shard, now, group);
            let there = Self::described(&mut replayed, now, group);
            let is_settled = matches!(here.state, GroupState::Empty | GroupState::Stable);
            if is_settled {
                assert_eq!(here, there, "the log says otherwise");
                let here = Self::generation(&self.shard, now, group);
                assert_eq!(here, Self::generation(&replayed, now, group));
            }
        }
        for (waiter, asked) in &self.outstanding {
            let waited_ms = self.mono_ms - asked.since_ms;
            assert!(
                waited_ms <= REBALANCE_TIMEOUT_MS_MAX,
                "{waiter:?} waits for {waited_ms} ms"
            );
        }
        assert_eq!(self.shard.stats().parked_requests, self.outstanding.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_what_was_promised(
        delay_ms in prop_oneof![Just(0_u64), Just(3_000)],
        events in proptest::collection::vec(event(), 1..100),
    ) {
        let mut world = World::new(delay_ms);
        for event in events {
            world.event(&event);
        }
        // Time alone answers everybody and ends every session.
        world.wait(20 * REBALANCE_TIMEOUT_MS_MAX);
        prop_assert!(world.outstanding.is_empty());
        let stats = world.shard.stats();
        prop_assert_eq!((stats.members, stats.parked_requests), (0, 0));
    }
}
