//! Members prove that they are alive, leave, or are given up.

use super::group::{ClassicGroup, State};
use super::join::refuse_join;
use super::member::Parked;
use crate::ids::{MemberId, Waiter};
use crate::output::Step;
use crate::replies::{GroupError, LeftMember, Reply};
use crate::requests::{HeartbeatRequest, LeavingMember};

impl ClassicGroup {
    pub(crate) fn heartbeat(
        &mut self,
        step: &mut Step<'_>,
        request: &HeartbeatRequest,
    ) -> Result<(), GroupError> {
        let id = &request.member_id;
        let instance = request.group_instance_id.as_ref();
        self.check_member_of_generation(id, instance, request.generation)?;
        self.restart_session(step, id);
        match self.state {
            State::Empty => Err(GroupError::UnknownMemberId),
            State::Preparing(_) => Err(GroupError::RebalanceInProgress),
            State::Completing | State::Stable => Ok(()),
        }
    }

    pub(crate) fn leave(
        &mut self,
        step: &mut Step<'_>,
        leaving: Vec<LeavingMember>,
    ) -> Vec<LeftMember> {
        let mut left = Vec::with_capacity(leaving.len());
        let mut names = Vec::new();
        for member in leaving {
            let result = self.leave_one(step, &member);
            let result = result.map(|id| names.push(id.to_string()));
            left.push(LeftMember {
                member_id: member.member_id,
                group_instance_id: member.group_instance_id,
                result,
            });
        }
        if !names.is_empty() {
            match self.state {
                State::Stable | State::Completing => {
                    let reason = match names.len() {
                        1..=3 => format!("members left: {}", names.join(", ")),
                        many => format!("{many} members left"),
                    };
                    self.prepare_rebalance(step, reason);
                }
                State::Preparing(_) => self.complete_join_if_all_joined(step),
                State::Empty => {}
            }
        }
        left
    }

    /// An administrator names a static member by its instance alone, a member names itself.
    fn leave_one(
        &mut self,
        step: &mut Step<'_>,
        leaving: &LeavingMember,
    ) -> Result<MemberId, GroupError> {
        let instance = leaving.group_instance_id.as_ref();
        let id = if leaving.member_id.is_unknown() {
            let owner = instance.and_then(|instance| self.members.by_instance(instance));
            owner.cloned().ok_or(GroupError::UnknownMemberId)?
        } else {
            if !self.pending_joins.contains(&leaving.member_id) {
                self.check_member(&leaving.member_id, instance)?;
            }
            leaving.member_id.clone()
        };
        self.drop_member(step, &id);
        Ok(id)
    }

    /// The member has not been heard of for its session timeout.
    pub(crate) fn session_timer_fired(&mut self, step: &mut Step<'_>, id: &MemberId) {
        if self.pending_joins.contains(id) {
            self.notice_removed(step, id, "did not come back with its id in time");
            self.drop_member(step, id);
            return self.complete_join_without_waiting(step);
        }
        let Some(member) = self.members.get(id) else {
            return;
        };
        // The session starts anew when what is parked is answered.
        if member.is_excused() {
            return;
        }
        self.notice_removed(step, id, "its session ended");
        self.drop_member(step, id);
        match self.state {
            State::Stable | State::Completing => {
                self.prepare_rebalance(step, format!("the session of member {id} ended"));
            }
            State::Preparing(_) => self.complete_join_without_waiting(step),
            State::Empty => {}
        }
    }

    /// Removes a member, or an id that was given out, with everything that hangs on it.
    pub(super) fn drop_member(&mut self, step: &mut Step<'_>, id: &MemberId) {
        step.timers.cancel(self.session_timer(id));
        self.pending_joins.remove(id);
        self.pending_syncs.remove(id);
        let parked_join = self.members.set_join(id, Parked::Nothing);
        let Some(member) = self.members.remove(id) else {
            return;
        };
        // A client that is still there joins anew.
        let unknown = GroupError::UnknownMemberId;
        if let Some(waiter) = parked_join.waiter() {
            refuse_join(step, waiter, MemberId::unknown(), unknown);
        }
        if let Some(waiter) = member.sync.waiter() {
            step.reply(waiter, Reply::Sync(Err(unknown)));
        }
        if self.is_leader(id) {
            self.leader = self.members.first_id().cloned();
        }
    }

    /// The connection of a parked request closed. A member that was never told its id cannot come
    /// back with it, so its session ends now; any other may.
    pub(crate) fn forget(&mut self, step: &mut Step<'_>, id: &MemberId, waiter: Waiter) {
        let waiting = Parked::Waiting(waiter);
        let Some(member) = self.members.get_mut(id) else {
            return;
        };
        if member.sync == waiting {
            member.sync = Parked::Abandoned;
        }
        let is_ghost = member.is_new && !member.knows_its_id && member.instance_id.is_none();
        if member.join() == waiting {
            self.members.set_join(id, Parked::Abandoned);
            if is_ghost {
                step.schedule(self.session_timer(id), 0);
            }
        }
    }
}
