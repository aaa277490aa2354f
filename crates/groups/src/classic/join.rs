//! Members ask to take part in the next generation.

use std::collections::BTreeSet;

use super::group::{ClassicGroup, Preparing, State};
use super::member::{Member, Parked};
use crate::config::{NEW_MEMBER_JOIN_TIMEOUT_MS, PENDING_JOINS_MAX};
use crate::ids::{MemberId, Waiter};
use crate::output::Step;
use crate::replies::{GroupError, JoinReply, JoinedGroup, JoinedMember, Reply};
use crate::requests::JoinRequest;

impl ClassicGroup {
    pub(crate) fn join(&mut self, step: &mut Step<'_>, waiter: Waiter, mut request: JoinRequest) {
        // A protocol named twice would be counted twice; its first mention is the one that counts.
        let mut named = BTreeSet::new();
        request
            .protocols
            .retain(|protocol| named.insert(protocol.name.clone()));
        if !self.has_room_for(step, &request) {
            self.drop_member(step, &request.member_id);
            refuse_join(
                step,
                waiter,
                MemberId::unknown(),
                GroupError::GroupMaxSizeReached,
            );
            return self.complete_join_if_all_joined(step);
        }
        if !self.supports(&request.protocol_type, &request.protocols) {
            let error = GroupError::InconsistentGroupProtocol;
            return refuse_join(step, waiter, request.member_id, error);
        }
        if request.member_id.is_unknown() {
            self.join_new(step, waiter, request);
        } else {
            self.join_known(step, waiter, request);
        }
    }

    /// While members are joining, those that have joined count: so the last ones to rejoin a
    /// group that is over its size are the ones to go. Otherwise all members count; an instance
    /// that comes back is one of them.
    fn has_room_for(&self, step: &Step<'_>, request: &JoinRequest) -> bool {
        let size_max = step.config.group_size_max;
        let member = self.members.get(&request.member_id);
        match self.state {
            State::Empty => true,
            State::Preparing(_) => {
                member.is_some_and(|member| member.join().is_parked())
                    || self.members.joined() < size_max
            }
            State::Completing | State::Stable => {
                let instance = request.group_instance_id.as_ref();
                member.is_some()
                    || instance.is_some_and(|i| self.members.by_instance(i).is_some())
                    || self.members.len() < size_max
            }
        }
    }

    fn join_new(&mut self, step: &mut Step<'_>, waiter: Waiter, request: JoinRequest) {
        let suffix = &request.member_id_suffix;
        match &request.group_instance_id {
            Some(instance) => {
                let id = MemberId::from(format!("{instance}-{suffix}"));
                match self.members.by_instance(instance).cloned() {
                    Some(old_id) => self.join_returning(step, waiter, request, &old_id, id),
                    None => self.add_member(step, waiter, request, &id),
                }
            }
            None => {
                let id = MemberId::from(format!("{}-{suffix}", request.client_id));
                if request.requires_known_member_id && self.pending_joins.len() >= PENDING_JOINS_MAX
                {
                    let error = GroupError::GroupMaxSizeReached;
                    refuse_join(step, waiter, MemberId::unknown(), error);
                } else if request.requires_known_member_id {
                    self.pending_joins.insert(id.clone());
                    let timeout_ms = u64::try_from(request.session_timeout_ms).unwrap_or(0);
                    step.schedule(self.session_timer(&id), timeout_ms);
                    refuse_join(step, waiter, id, GroupError::MemberIdRequired);
                } else {
                    self.add_member(step, waiter, request, &id);
                }
            }
        }
    }

    fn join_known(&mut self, step: &mut Step<'_>, waiter: Waiter, request: JoinRequest) {
        let id = request.member_id.clone();
        // Ids are given out ahead to dynamic members alone.
        if request.group_instance_id.is_none() && self.pending_joins.remove(&id) {
            return self.add_member(step, waiter, request, &id);
        }
        if let Err(error) = self.check_member(&id, request.group_instance_id.as_ref()) {
            return refuse_join(step, waiter, id, error);
        }
        let unchanged = self
            .members
            .get(&id)
            .is_some_and(|m| m.protocols == request.protocols);
        match self.state {
            State::Preparing(_) => {
                self.rejoin(step, waiter, request);
                self.complete_join_if_all_joined(step);
            }
            // The first reply may have been lost: tell the member once more.
            State::Completing if unchanged => {
                let joined = self.joined_group(&id, self.is_leader(&id));
                accept_join(step, waiter, id, joined);
            }
            // A follower gets what it needs to fetch its assignment. A leader that joins wants a
            // rebalance: it may know of changes that its metadata does not show.
            State::Stable if unchanged && !self.is_leader(&id) => {
                let joined = self.joined_group(&id, false);
                accept_join(step, waiter, id, joined);
            }
            State::Completing | State::Stable => {
                let reason = rejoin_reason(&request);
                self.rejoin(step, waiter, request);
                self.prepare_rebalance(step, reason);
            }
            State::Empty => refuse_join(step, waiter, id, GroupError::UnknownMemberId),
        }
    }

    /// Parks the join of a member that the group knows, with whatever has changed.
    fn rejoin(&mut self, step: &mut Step<'_>, waiter: Waiter, request: JoinRequest) {
        let id = request.member_id;
        self.members.set_protocols(&id, request.protocols);
        if let Some(member) = self.members.get_mut(&id) {
            member.rebalance_timeout_ms = request.rebalance_timeout_ms;
            member.session_timeout_ms = request.session_timeout_ms;
            member.knows_its_id = true;
        }
        self.park_join(step, waiter, &id);
    }

    /// Parks a join. One that the member has parked before, over another connection, gives way.
    pub(super) fn park_join(&mut self, step: &mut Step<'_>, waiter: Waiter, id: &MemberId) {
        let before = self.members.set_join(id, Parked::Waiting(waiter));
        step.parked.insert(waiter, (self.id.clone(), id.clone()));
        if let Some(before) = before.waiter() {
            refuse_join(step, before, id.clone(), GroupError::RebalanceInProgress);
        }
    }

    fn add_member(
        &mut self,
        step: &mut Step<'_>,
        waiter: Waiter,
        mut request: JoinRequest,
        id: &MemberId,
    ) {
        // An id is taken only if the driver's random text was used before; its holder gives way.
        self.drop_member(step, id);
        let protocols = std::mem::take(&mut request.protocols);
        let mut member = Member::joining(id.clone(), &request, protocols);
        member.is_new = true;
        if let State::Preparing(Preparing::Initial { more_came, .. }) = &mut self.state {
            *more_came = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        self.members.insert(member);
        self.leader.get_or_insert_with(|| id.clone());
        self.park_join(step, waiter, id);
        step.schedule(self.session_timer(id), NEW_MEMBER_JOIN_TIMEOUT_MS);
        match self.state {
            State::Preparing(_) => self.complete_join_if_all_joined(step),
            _ => {
                let why = request.reason.as_deref().unwrap_or("not provided");
                let reason = format!("adding member {id}; client reason: {why}");
                self.prepare_rebalance(step, reason);
            }
        }
    }

    /// The current generation as the member sees it.
    pub(super) fn joined_group(&self, id: &MemberId, with_members: bool) -> JoinedGroup {
        JoinedGroup {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_else(|| id.clone()),
            members: if with_members {
                self.joined_members()
            } else {
                Vec::new()
            },
            skip_assignment: false,
        }
    }

    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        let describe = |member: &Member| JoinedMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(self.protocol()),
        };
        self.members.iter().map(describe).collect()
    }
}

fn rejoin_reason(request: &JoinRequest) -> String {
    let why = request.reason.as_deref().unwrap_or("not provided");
    format!(
        "member {} joins again; client reason: {why}",
        request.member_id
    )
}

pub(super) fn accept_join(step: &mut Step<'_>, waiter: Waiter, id: MemberId, joined: JoinedGroup) {
    step.reply(
        waiter,
        Reply::Join(JoinReply {
            member_id: id,
            result: Ok(joined),
        }),
    );
}

pub(super) fn refuse_join(
    step: &mut Step<'_>,
    waiter: Waiter,
    member_id: MemberId,
    error: GroupError,
) {
    step.reply(
        waiter,
        Reply::Join(JoinReply {
            member_id,
            result: Err(error),
        }),
    );
}
