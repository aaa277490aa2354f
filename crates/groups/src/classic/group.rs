//! One classic group: its state, the checks that every request starts with, and its record.

use std::collections::BTreeSet;

use bytes::Bytes;
use highwater_types::Now;

use super::member::{Member, Members};
use crate::ids::{GroupId, InstanceId, MemberId};
use crate::output::{Record, Step};
use crate::records::{GroupMetadataValue, RecordKey, subscribed_topics};
use crate::replies::{GroupError, GroupState};
use crate::requests::JoinProtocol;
use crate::timers::{Timer, Timers};

/// The protocol type whose metadata the coordinator can look into for topics.
const CONSUMER: &str = "consumer";

/// A classic group, or a group without members that only stores offsets.
#[derive(Debug)]
pub(crate) struct ClassicGroup {
    pub(super) id: GroupId,
    pub(super) state: State,
    pub(super) state_timestamp_ms: Option<i64>,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) generation: i32,
    pub(super) leader: Option<MemberId>,
    pub(super) members: Members,
    /// Ids that were given out to clients that have not come back with them (KIP-394).
    pub(super) pending_joins: BTreeSet<MemberId>,
    /// Members of this generation that have not asked for their assignment.
    pub(super) pending_syncs: BTreeSet<MemberId>,
    /// The topics of all members; `None` if nobody knows what the metadata means.
    subscribed_topics: Option<BTreeSet<String>>,
    has_record: bool,
    /// An instance that came back while the group was stable, between the record that says so and
    /// its replay.
    pub(super) returning: Option<Member>,
}

/// Where in a rebalance the group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    Preparing(Preparing),
    Completing,
    Stable,
}

/// How the group waits for its members to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparing {
    /// The group was empty: it waits a while for more members, though all it knows have joined.
    Initial {
        waited_ms: u64,
        remaining_ms: u64,
        more_came: bool,
    },
    /// The group waits until all members it knows have joined, or the rebalance times out.
    Rejoin,
}

/// From when on the retention of a group's offsets counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetRetention {
    /// They are in use.
    Kept,
    /// From the moment the group became empty.
    SinceMs(i64),
    /// Each from its own commit.
    SinceCommit,
}

impl ClassicGroup {
    pub(crate) fn new(id: GroupId) -> Self {
        Self {
            id,
            state: State::Empty,
            state_timestamp_ms: None,
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: Members::default(),
            pending_joins: BTreeSet::new(),
            pending_syncs: BTreeSet::new(),
            subscribed_topics: None,
            has_record: false,
            returning: None,
        }
    }

    pub(crate) fn id(&self) -> &GroupId {
        &self.id
    }

    pub(crate) fn state(&self) -> GroupState {
        match self.state {
            State::Empty => GroupState::Empty,
            State::Preparing(_) => GroupState::PreparingRebalance,
            State::Completing => GroupState::CompletingRebalance,
            State::Stable => GroupState::Stable,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Whether nobody is a member or about to become one.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.is_empty() && self.pending_joins.is_empty()
    }

    /// Whether the log has a record of the group besides those of its offsets.
    pub(crate) fn has_record(&self) -> bool {
        self.has_record
    }

    /// Whether anybody has got a foot in the door.
    pub(crate) fn has_anybody(&self) -> bool {
        !self.members.is_empty() || !self.pending_joins.is_empty()
    }

    pub(crate) fn protocol_type(&self) -> Option<&str> {
        self.protocol_type.as_deref()
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    pub(crate) fn member_count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type() == Some(CONSUMER)
    }

    /// Whether members read the topic. A group of consumers whose subscriptions cannot be read is
    /// taken to read everything.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// From when on offsets of topics that nobody reads are kept no longer (KIP-211).
    pub(crate) fn offset_retention(&self) -> OffsetRetention {
        if self.protocol_type.is_none() {
            return OffsetRetention::SinceCommit;
        }
        match (self.state, self.state_timestamp_ms) {
            (State::Empty, Some(since_ms)) => OffsetRetention::SinceMs(since_ms),
            (State::Empty, None) => OffsetRetention::SinceCommit,
            (State::Stable, _)
                if self.uses_consumer_protocol() && self.subscribed_topics.is_some() =>
            {
                OffsetRetention::SinceCommit
            }
            _ => OffsetRetention::Kept,
        }
    }

    pub(super) fn is_leader(&self, id: &MemberId) -> bool {
        self.leader.as_ref() == Some(id)
    }

    /// Whether a member with these protocols fits in: an empty group takes anybody, any other
    /// wants its own type and a protocol that all its members speak.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[JoinProtocol]) -> bool {
        if self.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type() == Some(protocol_type)
            && protocols
                .iter()
                .any(|protocol| self.members.all_speak(&protocol.name))
    }

    /// Whether a request comes from who it says; another member may have taken over its instance.
    pub(super) fn check_member(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.members.by_instance(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(owner) if owner != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        match self.members.get(id) {
            Some(_) => Ok(()),
            None => Err(GroupError::UnknownMemberId),
        }
    }

    /// The same with the generation.
    pub(super) fn check_member_of_generation(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
        generation: i32,
    ) -> Result<(), GroupError> {
        self.check_member(id, instance)?;
        if generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        Ok(())
    }

    /// Whether offsets may be committed: by a member of this generation, or by anybody while the
    /// group has no members.
    pub(crate) fn check_commit(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
        generation: i32,
    ) -> Result<(), GroupError> {
        if generation < 0 && self.is_empty() {
            return Ok(());
        }
        if generation >= 0 || !id.is_unknown() || instance.is_some() {
            self.check_member_of_generation(id, instance, generation)?;
        } else {
            return Err(GroupError::UnknownMemberId);
        }
        match self.state {
            // The member knows the new generation but not yet its assignment.
            State::Completing => Err(GroupError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether offsets may be committed in a transaction. Who names no member may always: it is
    /// fenced by its transaction.
    pub(crate) fn check_transactional_commit(
        &self,
        id: &MemberId,
        instance: Option<&InstanceId>,
        generation: i32,
    ) -> Result<(), GroupError> {
        let names_none = generation < 0 && id.is_unknown() && instance.is_none();
        if names_none || (generation < 0 && self.is_empty()) {
            return Ok(());
        }
        self.check_member_of_generation(id, instance, generation)
    }

    /// A commit proves as well as a heartbeat that the member is alive.
    pub(crate) fn committed(&self, step: &mut Step<'_>, id: &MemberId) {
        if matches!(self.state, State::Stable | State::Preparing(_)) {
            self.restart_session(step, id);
        }
    }

    /// Counts the member's session timeout from now.
    pub(super) fn restart_session(&self, step: &mut Step<'_>, id: &MemberId) {
        if let Some(member) = self.members.get(id) {
            let timeout_ms = u64::try_from(member.session_timeout_ms).unwrap_or(0);
            step.schedule(self.session_timer(id), timeout_ms);
        }
    }

    pub(super) fn session_timer(&self, id: &MemberId) -> Timer {
        Timer::Session(self.id.clone(), id.clone())
    }

    pub(super) fn join_timer(&self) -> Timer {
        Timer::Join(self.id.clone())
    }

    pub(super) fn sync_timer(&self) -> Timer {
        Timer::Sync(self.id.clone())
    }

    /// The record of a group that has just come into being.
    pub(crate) fn new_group_record(&self, now: Now) -> Record {
        self.record(&GroupMetadataValue {
            protocol_type: None,
            generation: 0,
            protocol: None,
            leader: None,
            state_timestamp_ms: Some(now.wall_ms),
            members: Vec::new(),
        })
    }

    /// The record of this generation, each member with the assignment that `assignment` gives.
    pub(crate) fn generation_record(
        &self,
        now: Now,
        mut assignment: impl FnMut(&Member) -> Bytes,
    ) -> GroupMetadataValue {
        let protocol = self.protocol();
        let members = self.members.iter();
        GroupMetadataValue {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_timestamp_ms: Some(now.wall_ms),
            members: members
                .map(|member| member.to_record(protocol, assignment(member)))
                .collect(),
        }
    }

    pub(super) fn record(&self, value: &GroupMetadataValue) -> Record {
        Record {
            key: RecordKey::group_metadata(&self.id),
            value: Some(value.encode()),
        }
    }

    /// The record that deletes the group.
    pub(crate) fn tombstone(&self) -> Record {
        Record {
            key: RecordKey::group_metadata(&self.id),
            value: None,
        }
    }

    /// Takes over what the log says of the group.
    ///
    /// The record of a group that has just come into being is written while its first member is
    /// already joining; it says nothing of the rebalance under way and leaves it alone.
    pub(crate) fn install(&mut self, value: GroupMetadataValue) {
        self.has_record = true;
        let concludes = match self.state {
            State::Empty | State::Stable => true,
            State::Preparing(_) => value.generation != self.generation,
            State::Completing => value.generation == self.generation,
        };
        if !concludes {
            return;
        }
        let returning = self.returning.take();
        let protocol = value.protocol.as_deref();
        let mut known = std::mem::take(&mut self.members);
        for record in value.members {
            let live = known.remove(&record.member_id);
            let returned = returning
                .as_ref()
                .filter(|member| member.id == record.member_id);
            let recorded = Member::from_record(record, protocol);
            self.members
                .insert(match live.or_else(|| returned.cloned()) {
                    Some(live) => live.recorded_as(recorded, protocol),
                    None => recorded,
                });
        }
        self.state = if self.members.is_empty() {
            State::Empty
        } else {
            State::Stable
        };
        self.state_timestamp_ms = value.state_timestamp_ms;
        self.protocol_type = value.protocol_type;
        self.protocol = value.protocol;
        self.generation = value.generation;
        self.leader = value.leader;
        self.pending_syncs
            .retain(|id| self.members.get(id).is_some());
        self.learn_subscribed_topics();
    }

    /// Reads from the members' metadata which topics they are after.
    pub(super) fn learn_subscribed_topics(&mut self) {
        self.subscribed_topics = None;
        if !self.uses_consumer_protocol() {
            return;
        }
        let mut all = BTreeSet::new();
        for member in self.members.iter() {
            let metadata = member.metadata(self.protocol());
            let Ok(topics) = subscribed_topics(&metadata) else {
                return;
            };
            for topic in topics {
                if !all.contains(topic) {
                    all.insert(topic.to_owned());
                }
            }
        }
        self.subscribed_topics = Some(all);
    }

    /// Takes back every deadline of a group that ends.
    pub(crate) fn cancel_timers(&self, timers: &mut Timers) {
        timers.cancel(self.join_timer());
        timers.cancel(self.sync_timer());
        for member in self.members.iter() {
            timers.cancel(self.session_timer(&member.id));
        }
        for id in &self.pending_joins {
            timers.cancel(self.session_timer(id));
        }
    }
}
