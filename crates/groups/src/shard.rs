//! The machine of one partition of `__consumer_offsets`: takes requests, deadlines and records,
//! and hands each to the group it is for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use highwater_types::{Now, ProducerId, TransactionOutcome};

use crate::classic::ClassicGroup;
use crate::config::{GroupConfig, TEXT_LEN_MAX};
use crate::expiry::Sweep;
use crate::ids::{GroupId, MemberId, Waiter};
use crate::offsets::{self, Committed, GroupOffsets};
use crate::output::{Output, ParkedRequests, Record, Step};
use crate::records::{GroupMetadataValue, Malformed, OffsetCommitValue, RecordKey};
use crate::replies::{
    CommittedTopic, DeletedTopic, FetchedTopic, GroupError, GroupState, JoinReply, LeftMember,
    Reply,
};
use crate::requests::{
    CommitOffsetsRequest, DeleteOffsetsRequest, DropTopicsRequest, FetchOffsetsRequest,
    HeartbeatRequest, JoinRequest, LeaveRequest, LeavingMember, Request, SyncRequest,
};
use crate::timers::{Timer, Timers};

/// One tick stops once it has this many records to append, so that a batch stays small; what is
/// left stays due.
pub(crate) const TICK_RECORDS_MAX: usize = 1_000;

/// All groups of one partition of `__consumer_offsets`.
///
/// The driver calls one method at a time. After [`handle`](Self::handle) and
/// [`tick`](Self::tick), before anything else, it appends the records of the output and calls
/// [`replay`](Self::replay) on each; it sends the replies once the log is durable up to there. If
/// the append fails it drops the shard, answers everybody with an error and loads the shard again.
#[derive(Default)]
pub struct GroupShard {
    config: GroupConfig,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    timers: Timers,
    parked: ParkedRequests,
    sweep: Sweep,
    /// The groups in which a transaction has positions that do not count yet.
    transactions: HashMap<ProducerId, BTreeSet<GroupId>>,
    /// Records so far; the order of two positions of a partition.
    replayed: u64,
    skipped_records: u64,
}

/// One group: who is in it, and how far it has read.
pub(crate) struct Group {
    pub(crate) membership: Membership,
    pub(crate) offsets: GroupOffsets,
}

/// How the members of a group agree on who reads what; each kind of group has its own way.
pub(crate) enum Membership {
    Classic(ClassicGroup),
}

impl Group {
    pub(crate) fn new(id: GroupId) -> Self {
        Self {
            membership: Membership::Classic(ClassicGroup::new(id)),
            offsets: GroupOffsets::default(),
        }
    }
}

/// Why a record cannot be replayed. A log that holds one was damaged, or written by something
/// newer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The key cannot be read.
    #[error("the key of the record cannot be read: {0}")]
    Key(#[source] Malformed),
    /// The value of a committed offset cannot be read.
    #[error("the committed offset of group {group_id} cannot be read: {source}")]
    Offset {
        /// The group.
        group_id: GroupId,
        /// What is wrong.
        source: Malformed,
    },
    /// The value of a group's metadata cannot be read.
    #[error("the metadata of group {group_id} cannot be read: {source}")]
    Group {
        /// The group.
        group_id: GroupId,
        /// What is wrong.
        source: Malformed,
    },
}

/// Counts for metrics, taken by one pass over the groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Groups in the state `Empty`.
    pub empty_groups: usize,
    /// Groups in the state `PreparingRebalance`.
    pub preparing_groups: usize,
    /// Groups in the state `CompletingRebalance`.
    pub completing_groups: usize,
    /// Groups in the state `Stable`.
    pub stable_groups: usize,
    /// Members of all groups.
    pub members: usize,
    /// Committed offsets of all groups.
    pub offsets: usize,
    /// Requests that wait for other members.
    pub parked_requests: usize,
    /// Records of kinds that are not kept, seen since the shard was made.
    pub skipped_records: u64,
}

impl GroupShard {
    /// A shard whose log has not been read yet.
    pub fn new(config: GroupConfig) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Applies changed settings from the next step on; deadlines that are set stay.
    pub fn set_config(&mut self, config: GroupConfig) {
        self.config = config;
    }

    /// Takes over one record of the log, in the order of the log: while loading, and of each
    /// output once it is appended.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ReplayError> {
        match RecordKey::decode(key).map_err(ReplayError::Key)? {
            RecordKey::OffsetCommit {
                group_id,
                topic,
                partition,
            } => match value {
                Some(value) => {
                    let value =
                        OffsetCommitValue::decode(value).map_err(|source| ReplayError::Offset {
                            group_id: group_id.clone(),
                            source,
                        })?;
                    self.replayed += 1;
                    let order = self.replayed;
                    let committed = Committed { value, order };
                    let group = self.group_or_new(group_id);
                    group.offsets.insert(topic, partition, committed);
                }
                None => {
                    if let Some(group) = self.groups.get_mut(&group_id) {
                        group.offsets.remove(&topic, partition);
                    }
                }
            },
            RecordKey::GroupMetadata { group_id } => match value {
                Some(value) => {
                    let value =
                        GroupMetadataValue::decode(value).map_err(|source| ReplayError::Group {
                            group_id: group_id.clone(),
                            source,
                        })?;
                    let Membership::Classic(group) = &mut self.group_or_new(group_id).membership;
                    group.install(value);
                }
                None => self.remove_group(&group_id),
            },
            RecordKey::Other { .. } => self.skipped_records += 1,
        }
        Ok(())
    }

    /// Takes over one record that was written in a transaction: a position that counts once the
    /// transaction is committed.
    pub fn replay_in_transaction(
        &mut self,
        producer: ProducerId,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ReplayError> {
        let key = RecordKey::decode(key).map_err(ReplayError::Key)?;
        let (
            RecordKey::OffsetCommit {
                group_id,
                topic,
                partition,
            },
            Some(value),
        ) = (key, value)
        else {
            self.skipped_records += 1;
            return Ok(());
        };
        let value = OffsetCommitValue::decode(value).map_err(|source| ReplayError::Offset {
            group_id: group_id.clone(),
            source,
        })?;
        self.replayed += 1;
        let order = self.replayed;
        let pending = Committed { value, order };
        let groups = self.transactions.entry(producer).or_default();
        groups.insert(group_id.clone());
        let group = self.group_or_new(group_id);
        group
            .offsets
            .insert_pending(producer, topic, partition, pending);
        Ok(())
    }

    /// The transaction of a producer has ended in the log: its positions count from now on, where
    /// none that was written behind them does, or are forgotten.
    pub fn transaction_ended(&mut self, producer: ProducerId, outcome: TransactionOutcome) {
        for id in self.transactions.remove(&producer).unwrap_or_default() {
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            group.offsets.end_transaction(producer, outcome);
            let Membership::Classic(classic) = &group.membership;
            let is_of_use = classic.has_record() || classic.has_anybody();
            if group.offsets.is_empty() && !is_of_use {
                self.groups.remove(&id);
            }
        }
    }

    fn group_or_new(&mut self, id: GroupId) -> &mut Group {
        self.groups
            .entry(id.clone())
            .or_insert_with(|| Group::new(id))
    }

    /// Ends the group. Offsets that are still there keep a group without members around them, so
    /// that they expire like any others.
    fn remove_group(&mut self, id: &GroupId) {
        let Some(mut group) = self.groups.remove(id) else {
            return;
        };
        let Membership::Classic(classic) = &group.membership;
        classic.cancel_timers(&mut self.timers);
        if !group.offsets.is_empty() {
            group.membership = Membership::Classic(ClassicGroup::new(id.clone()));
            self.groups.insert(id.clone(), group);
        }
    }

    /// The whole log has been replayed: starts the sessions of all members, and the search for
    /// expired offsets.
    pub fn loaded(&mut self, now: Now) {
        self.groups.retain(|_, group| {
            let Membership::Classic(classic) = &group.membership;
            !group.offsets.is_empty() || classic.has_record()
        });
        let mut out = Output::default();
        let mut step = Step {
            now,
            config: &self.config,
            timers: &mut self.timers,
            parked: &mut self.parked,
            out: &mut out,
        };
        for group in self.groups.values_mut() {
            let Membership::Classic(group) = &mut group.membership;
            group.restart_sessions(&mut step);
            group.shrink_if_too_large(&mut step);
        }
        step.schedule(
            Timer::Sweep,
            step.config.offsets_retention_check_interval_ms,
        );
    }

    /// Takes one request. Its reply is in the output, or in that of a later step.
    pub fn handle(&mut self, now: Now, waiter: Waiter, request: Request) -> Output {
        let mut out = Output::default();
        let reply = match request {
            Request::Join(request) => {
                self.join(now, waiter, request, &mut out);
                return out;
            }
            Request::Sync(request) => {
                self.sync(now, waiter, request, &mut out);
                return out;
            }
            Request::Heartbeat(request) => {
                Reply::Heartbeat(self.heartbeat(now, &request, &mut out))
            }
            Request::Leave(request) => Reply::Leave(self.leave(now, request, &mut out)),
            Request::CommitOffsets(request) => {
                Reply::CommitOffsets(self.commit_offsets(now, request, &mut out))
            }
            Request::FetchOffsets(request) => Reply::FetchOffsets(self.fetch_offsets(request)),
            Request::DeleteOffsets(request) => {
                Reply::DeleteOffsets(self.delete_offsets(request, &mut out))
            }
            Request::Describe(request) => Reply::Describe(self.describe(request.group_id)),
            Request::List(request) => Reply::List(self.list(&request)),
            Request::DeleteGroup(request) => {
                Reply::DeleteGroup(self.delete_group(&request.group_id, &mut out.records))
            }
            Request::DropTopics(request) => {
                self.drop_topics(&request, &mut out.records);
                Reply::DropTopics {
                    offsets: out.records.len(),
                }
            }
        };
        out.replies.push((waiter, reply));
        out
    }

    /// The group and the context of one step in it.
    fn step<'a>(
        &'a mut self,
        now: Now,
        id: &GroupId,
        out: &'a mut Output,
    ) -> Option<(&'a mut Group, Step<'a>)> {
        let Self {
            config,
            groups,
            timers,
            parked,
            ..
        } = self;
        let group = groups.get_mut(id)?;
        Some((
            group,
            Step {
                now,
                config,
                timers,
                parked,
                out,
            },
        ))
    }

    fn join(&mut self, now: Now, waiter: Waiter, request: JoinRequest, out: &mut Output) {
        if let Err(error) = check_join(&self.config, &request) {
            let reply = JoinReply {
                member_id: request.member_id,
                result: Err(error),
            };
            return out.replies.push((waiter, Reply::Join(reply)));
        }
        let id = request.group_id.clone();
        let is_new = !self.groups.contains_key(&id);
        if is_new {
            if !request.member_id.is_unknown() {
                let result = Err(GroupError::UnknownMemberId);
                let reply = JoinReply {
                    member_id: request.member_id,
                    result,
                };
                return out.replies.push((waiter, Reply::Join(reply)));
            }
            self.groups.insert(id.clone(), Group::new(id.clone()));
        }
        let Some((group, mut step)) = self.step(now, &id, out) else {
            return;
        };
        let Membership::Classic(group) = &mut group.membership;
        group.join(&mut step, waiter, request);
        if is_new {
            if group.has_anybody() {
                let record = group.new_group_record(now);
                step.out.records.push(record);
            } else {
                self.groups.remove(&id);
            }
        }
    }

    fn sync(&mut self, now: Now, waiter: Waiter, request: SyncRequest, out: &mut Output) {
        let id = request.group_id.clone();
        let refused = match check_group_id(&id) {
            Err(error) => error,
            Ok(()) => match self.step(now, &id, out) {
                Some((group, mut step)) => {
                    let Membership::Classic(group) = &mut group.membership;
                    return group.sync(&mut step, waiter, request);
                }
                None => GroupError::UnknownMemberId,
            },
        };
        out.replies.push((waiter, Reply::Sync(Err(refused))));
    }

    fn heartbeat(
        &mut self,
        now: Now,
        request: &HeartbeatRequest,
        out: &mut Output,
    ) -> Result<(), GroupError> {
        check_group_id(&request.group_id)?;
        let (group, mut step) = self
            .step(now, &request.group_id, out)
            .ok_or(GroupError::UnknownMemberId)?;
        let Membership::Classic(group) = &mut group.membership;
        group.heartbeat(&mut step, request)
    }

    fn leave(
        &mut self,
        now: Now,
        request: LeaveRequest,
        out: &mut Output,
    ) -> Result<Vec<LeftMember>, GroupError> {
        check_group_id(&request.group_id)?;
        let Some((group, mut step)) = self.step(now, &request.group_id, out) else {
            let unknown = |member: LeavingMember| LeftMember {
                member_id: member.member_id,
                group_instance_id: member.group_instance_id,
                result: Err(GroupError::UnknownMemberId),
            };
            return Ok(request.members.into_iter().map(unknown).collect());
        };
        let Membership::Classic(group) = &mut group.membership;
        Ok(group.leave(&mut step, request.members))
    }

    fn commit_offsets(
        &mut self,
        now: Now,
        request: CommitOffsetsRequest,
        out: &mut Output,
    ) -> Result<Vec<CommittedTopic>, GroupError> {
        if request.group_id.as_str().len() > TEXT_LEN_MAX {
            return Err(GroupError::InvalidGroupId);
        }
        match self.step(now, &request.group_id, out) {
            Some((group, mut step)) => {
                let Membership::Classic(group) = &group.membership;
                let id = &request.member_id;
                let instance = request.group_instance_id.as_ref();
                if request.transaction.is_some() {
                    group.check_transactional_commit(id, instance, request.generation)?;
                } else {
                    group.check_commit(id, instance, request.generation)?;
                    group.committed(&mut step, id);
                }
            }
            // A client that manages its partitions itself: the replay of its first offset makes
            // the group.
            None if request.generation < 0 => {}
            None if request.transaction.is_some() => return Err(GroupError::IllegalGeneration),
            None => return Err(GroupError::GroupIdNotFound),
        }
        out.transaction = request.transaction;
        Ok(offsets::commit(
            now,
            &self.config,
            request,
            &mut out.records,
        ))
    }

    fn fetch_offsets(&self, request: FetchOffsetsRequest) -> Vec<FetchedTopic> {
        let offsets = self
            .groups
            .get(&request.group_id)
            .map(|group| &group.offsets);
        offsets::fetch(offsets, request)
    }

    fn delete_offsets(
        &mut self,
        request: DeleteOffsetsRequest,
        out: &mut Output,
    ) -> Result<Vec<DeletedTopic>, GroupError> {
        check_group_id(&request.group_id)?;
        let group = self
            .groups
            .get(&request.group_id)
            .ok_or(GroupError::GroupIdNotFound)?;
        let Membership::Classic(classic) = &group.membership;
        if !classic.is_empty() && !classic.uses_consumer_protocol() {
            return Err(GroupError::NonEmptyGroup);
        }
        let subscribed = |topic: &str| classic.is_subscribed_to(topic);
        Ok(offsets::delete(
            &group.offsets,
            subscribed,
            request,
            &mut out.records,
        ))
    }

    fn delete_group(&self, id: &GroupId, records: &mut Vec<Record>) -> Result<(), GroupError> {
        let group = self.groups.get(id).ok_or(GroupError::GroupIdNotFound)?;
        let Membership::Classic(classic) = &group.membership;
        if !classic.is_empty() {
            return Err(GroupError::NonEmptyGroup);
        }
        group.offsets.all_tombstones(id, records);
        records.push(classic.tombstone());
        Ok(())
    }

    fn drop_topics(&self, request: &DropTopicsRequest, records: &mut Vec<Record>) {
        for (id, group) in &self.groups {
            group.offsets.topic_tombstones(id, &request.topics, records);
        }
    }

    /// Does what is due. Call it again at once while [`next_deadline_ms`](Self::next_deadline_ms)
    /// is not after now: one tick decides at most one record of each group and stops when a batch
    /// is full, as every decision has to see the records of the one before.
    pub fn tick(&mut self, now: Now) -> Output {
        let mut out = Output::default();
        let mut decided: BTreeSet<GroupId> = BTreeSet::new();
        while let Some(due) = self.timers.peek_due(now.mono_ms) {
            let must_wait = match due.group() {
                Some(id) => decided.contains(id),
                None => !out.records.is_empty(),
            };
            if must_wait || out.records.len() >= TICK_RECORDS_MAX {
                break;
            }
            let Some(timer) = self.timers.pop_due(now.mono_ms) else {
                break;
            };
            let records = out.records.len();
            let group_id = timer.group().cloned();
            self.fire(now, timer, &mut out);
            if out.records.len() > records {
                decided.extend(group_id);
            }
        }
        out
    }

    fn fire(&mut self, now: Now, timer: Timer, out: &mut Output) {
        match timer {
            Timer::Sweep => {
                let in_ms = self.sweep.run(now, &self.config, &self.groups, out);
                self.timers
                    .schedule(Timer::Sweep, now.mono_ms.saturating_add(in_ms));
            }
            Timer::Session(id, member) => {
                self.fire_in_group(now, &id, out, |group, step| {
                    group.session_timer_fired(step, &member);
                });
            }
            Timer::Join(id) => {
                self.fire_in_group(now, &id, out, ClassicGroup::join_timer_fired);
            }
            Timer::Sync(id) => {
                self.fire_in_group(now, &id, out, ClassicGroup::sync_timer_fired);
            }
        }
    }

    fn fire_in_group(
        &mut self,
        now: Now,
        id: &GroupId,
        out: &mut Output,
        fired: impl FnOnce(&mut ClassicGroup, &mut Step<'_>),
    ) {
        if let Some((group, mut step)) = self.step(now, id, out) {
            let Membership::Classic(group) = &mut group.membership;
            fired(group, &mut step);
        }
    }

    /// When the next [`tick`](Self::tick) has something to do, on [`Now::mono_ms`]. Any step may
    /// bring it forward, even to now: a group without an initial delay ends its first wait in the
    /// tick that follows the join.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.next_deadline_ms()
    }

    /// The connection of a request went away: if the request is parked, nobody needs its reply.
    /// A deadline may become due by this.
    pub fn forget(&mut self, now: Now, waiter: Waiter) {
        let Some((id, member_id)) = self.parked.remove(&waiter) else {
            return;
        };
        let mut out = Output::default();
        self.fire_in_group(now, &id, &mut out, |group, step| {
            group.forget(step, &member_id, waiter);
        });
    }

    /// Counts for metrics.
    pub fn stats(&self) -> ShardStats {
        let mut stats = ShardStats {
            parked_requests: self.parked.len(),
            skipped_records: self.skipped_records,
            ..ShardStats::default()
        };
        for group in self.groups.values() {
            let Membership::Classic(classic) = &group.membership;
            match classic.state() {
                GroupState::Empty => stats.empty_groups += 1,
                GroupState::PreparingRebalance => stats.preparing_groups += 1,
                GroupState::CompletingRebalance => stats.completing_groups += 1,
                GroupState::Stable => stats.stable_groups += 1,
                GroupState::Dead => {}
            }
            stats.members += classic.member_count();
            stats.offsets += group.offsets.len();
        }
        stats
    }
}

fn check_group_id(id: &GroupId) -> Result<(), GroupError> {
    let is_valid = !id.as_str().is_empty() && id.as_str().len() <= TEXT_LEN_MAX;
    is_valid.then_some(()).ok_or(GroupError::InvalidGroupId)
}

fn check_join(config: &GroupConfig, request: &JoinRequest) -> Result<(), GroupError> {
    check_group_id(&request.group_id)?;
    let allowed = config.session_timeout_ms_min..=config.session_timeout_ms_max;
    if !allowed.contains(&request.session_timeout_ms) {
        return Err(GroupError::InvalidSessionTimeout);
    }
    let instance = request
        .group_instance_id
        .as_ref()
        .map_or("", |instance| instance.as_str());
    let texts = [
        &request.client_id,
        &request.client_host,
        &request.protocol_type,
    ];
    let protocols = request.protocols.iter().map(|protocol| &protocol.name);
    let longest = texts
        .into_iter()
        .chain(protocols)
        .map(String::len)
        .max()
        .unwrap_or(0);
    if longest
        .max(instance.len())
        .max(MemberId::as_str(&request.member_id).len())
        > TEXT_LEN_MAX
    {
        return Err(GroupError::InvalidRequest);
    }
    Ok(())
}
