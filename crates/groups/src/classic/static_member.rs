//! An instance comes back under a new member id (KIP-345) and fences whoever held it before.

use super::group::{ClassicGroup, State};
use super::join::{accept_join, refuse_join};
use super::member::{Member, Parked};
use crate::config::RECORD_BYTES_MAX;
use crate::ids::{MemberId, Waiter};
use crate::output::Step;
use crate::replies::{GroupError, JoinedGroup, Reply};
use crate::requests::{JoinProtocol, JoinRequest};

impl ClassicGroup {
    /// A static member joins without an id. If the group is stable and stays with its protocol,
    /// the member takes up its old assignment and nobody else notices; otherwise it is the old
    /// member that rejoins.
    pub(super) fn join_returning(
        &mut self,
        step: &mut Step<'_>,
        waiter: Waiter,
        mut request: JoinRequest,
        old_id: &MemberId,
        new_id: MemberId,
    ) {
        let protocols = std::mem::take(&mut request.protocols);
        if self.state == State::Stable && self.keeps_protocol(old_id, &protocols) {
            return self.resume(step, waiter, &request, protocols, (old_id, new_id));
        }
        self.replace(step, &request, protocols, (old_id, &new_id));
        self.park_join(step, waiter, &new_id);
        match self.state {
            State::Preparing(_) => self.complete_join_if_all_joined(step),
            _ => {
                let instance = request
                    .group_instance_id
                    .as_ref()
                    .map_or("", |i| i.as_str());
                let why = request.reason.as_deref().unwrap_or("not provided");
                let reason = format!(
                    "static member {new_id} of instance {instance} joins; client reason: {why}"
                );
                self.prepare_rebalance(step, reason);
            }
        }
    }

    fn keeps_protocol(&self, id: &MemberId, protocols: &[JoinProtocol]) -> bool {
        self.protocol().is_some()
            && self.members.select_protocol(Some((id, protocols))) == self.protocol()
    }

    /// The instance goes on where it was. Its new id counts once the record that says so is
    /// replayed.
    fn resume(
        &mut self,
        step: &mut Step<'_>,
        waiter: Waiter,
        request: &JoinRequest,
        protocols: Vec<JoinProtocol>,
        (old_id, new_id): (&MemberId, MemberId),
    ) {
        let returning = Member::joining(new_id.clone(), request, protocols);
        let mut value = self.generation_record(step.now, |member| member.assignment.clone());
        for record in &mut value.members {
            if record.member_id == *old_id {
                let assignment = std::mem::take(&mut record.assignment);
                *record = returning.to_record(self.protocol(), assignment);
            }
        }
        let was_leader = self.is_leader(old_id);
        if was_leader {
            value.leader = Some(new_id.clone());
        }
        let record = self.record(&value);
        if record.len() > RECORD_BYTES_MAX {
            return refuse_join(
                step,
                waiter,
                MemberId::unknown(),
                GroupError::InvalidRequest,
            );
        }
        step.out.records.push(record);
        step.timers.cancel(self.session_timer(old_id));
        let timeout_ms = u64::try_from(request.session_timeout_ms).unwrap_or(0);
        step.schedule(self.session_timer(&new_id), timeout_ms);
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(new_id.clone());
        }
        let joined = self.resumed_group(request, &returning, was_leader, old_id);
        self.returning = Some(returning);
        accept_join(step, waiter, new_id, joined);
    }

    /// What the instance is told. One that leads must not assign anew: told so if it understands
    /// that (KIP-814), and otherwise made to believe that its old id leads.
    fn resumed_group(
        &self,
        request: &JoinRequest,
        returning: &Member,
        was_leader: bool,
        old_id: &MemberId,
    ) -> JoinedGroup {
        let mut joined = self.joined_group(&returning.id, false);
        if was_leader && request.supports_skipping_assignment {
            joined.leader = returning.id.clone();
            joined.skip_assignment = true;
            joined.members = self.joined_members();
            for member in &mut joined.members {
                if member.member_id == *old_id {
                    member.member_id = returning.id.clone();
                    member.metadata = returning.metadata(self.protocol());
                }
            }
        }
        joined
    }

    /// Puts the new member in the place of the old one and refuses what the old one has parked.
    fn replace(
        &mut self,
        step: &mut Step<'_>,
        request: &JoinRequest,
        protocols: Vec<JoinProtocol>,
        (old_id, new_id): (&MemberId, &MemberId),
    ) {
        let parked_join = self.members.set_join(old_id, Parked::Nothing);
        let Some(old) = self.members.remove(old_id) else {
            return;
        };
        let fenced = GroupError::FencedInstanceId;
        if let Some(waiter) = parked_join.waiter() {
            refuse_join(step, waiter, old_id.clone(), fenced);
        }
        if let Some(waiter) = old.sync.waiter() {
            step.reply(waiter, Reply::Sync(Err(fenced)));
        }
        let mut new = Member::joining(new_id.clone(), request, protocols);
        new.assignment = old.assignment;
        self.members.insert(new);
        if self.is_leader(old_id) {
            self.leader = Some(new_id.clone());
        }
        if self.pending_syncs.remove(old_id) {
            self.pending_syncs.insert(new_id.clone());
        }
        step.timers.cancel(self.session_timer(old_id));
        self.restart_session(step, new_id);
    }
}
