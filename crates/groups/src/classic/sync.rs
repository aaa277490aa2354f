//! The leader hands in the assignments and every member gets its own.

use std::collections::HashMap;

use bytes::Bytes;

use super::group::{ClassicGroup, State};
use super::member::Parked;
use crate::config::RECORD_BYTES_MAX;
use crate::ids::{MemberId, Waiter};
use crate::output::{Notice, Step};
use crate::replies::{GroupError, Reply, SyncReply};
use crate::requests::SyncRequest;

impl ClassicGroup {
    pub(crate) fn sync(&mut self, step: &mut Step<'_>, waiter: Waiter, request: SyncRequest) {
        if let Err(error) = self.check_sync(&request) {
            return step.reply(waiter, Reply::Sync(Err(error)));
        }
        let id = request.member_id;
        self.synced(step, &id);
        match self.state {
            State::Completing => {
                self.park_sync(step, waiter, &id);
                if self.is_leader(&id) {
                    self.assign(step, request.assignments);
                }
            }
            _ => {
                let assignment = self
                    .members
                    .get(&id)
                    .map(|member| member.assignment.clone());
                let reply = self.sync_reply(assignment.unwrap_or_default());
                step.reply(waiter, Reply::Sync(Ok(reply)));
            }
        }
    }

    fn check_sync(&self, request: &SyncRequest) -> Result<(), GroupError> {
        let instance = request.group_instance_id.as_ref();
        if self.is_empty() {
            return Err(GroupError::UnknownMemberId);
        }
        self.check_member_of_generation(&request.member_id, instance, request.generation)?;
        let differs = |theirs: &Option<String>, ours: Option<&str>| match (theirs, ours) {
            (Some(theirs), Some(ours)) => theirs != ours,
            _ => false,
        };
        if differs(&request.protocol_type, self.protocol_type())
            || differs(&request.protocol, self.protocol())
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        match self.state {
            State::Preparing(_) => Err(GroupError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// The member has asked for its assignment; when all have, nobody is waited for any more.
    fn synced(&mut self, step: &mut Step<'_>, id: &MemberId) {
        self.pending_syncs.remove(id);
        if self.pending_syncs.is_empty() && self.state == State::Stable {
            step.timers.cancel(self.sync_timer());
        }
    }

    fn park_sync(&mut self, step: &mut Step<'_>, waiter: Waiter, id: &MemberId) {
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        let before = std::mem::replace(&mut member.sync, Parked::Waiting(waiter));
        step.parked.insert(waiter, (self.id.clone(), id.clone()));
        if let Some(before) = before.waiter() {
            step.reply(before, Reply::Sync(Err(GroupError::RebalanceInProgress)));
        }
    }

    /// Writes the generation with its assignments, and tells every member that waits; those that
    /// the leader forgot get nothing to do. The replay of the record makes the group stable.
    fn assign(&mut self, step: &mut Step<'_>, assignments: Vec<(MemberId, Bytes)>) {
        let mut assignments: HashMap<MemberId, Bytes> = assignments.into_iter().collect();
        for member in self.members.iter_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
        }
        let value = self.generation_record(step.now, |member| member.assignment.clone());
        let record = self.record(&value);
        if record.len() > RECORD_BYTES_MAX {
            self.refuse_parked_syncs(step, GroupError::InvalidRequest);
            let reason = "the assignments do not fit into one record".to_owned();
            return self.prepare_rebalance(step, reason);
        }
        step.out.records.push(record);
        step.out.notices.push(Notice::RebalanceCompleted {
            group_id: self.id.clone(),
            generation: self.generation,
        });
        for id in self.members.ids() {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            let parked = std::mem::take(&mut member.sync);
            let assignment = member.assignment.clone();
            if parked.is_parked() {
                self.restart_session(step, &id);
            }
            if let Some(waiter) = parked.waiter() {
                step.reply(waiter, Reply::Sync(Ok(self.sync_reply(assignment))));
            }
        }
        if self.pending_syncs.is_empty() {
            step.timers.cancel(self.sync_timer());
        }
    }

    fn sync_reply(&self, assignment: Bytes) -> SyncReply {
        SyncReply {
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            assignment,
        }
    }
}
