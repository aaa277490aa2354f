//! From one generation to the next: waiting for members to join, then for the leader to assign.

use bytes::Bytes;

use super::group::{ClassicGroup, Preparing, State};
use super::join::accept_join;
use super::member::{Member, Parked};
use crate::ids::MemberId;
use crate::output::{Notice, Step};
use crate::replies::{GroupError, Reply};

/// How often at most a group looks whether one of its static members has come back; a member may
/// ask for a rebalance timeout of nothing.
const REJOIN_CHECK_MS_MIN: u64 = 1_000;

impl ClassicGroup {
    /// Starts a rebalance, and ends its first half at once if everybody has joined.
    pub(super) fn prepare_rebalance(&mut self, step: &mut Step<'_>, reason: String) {
        if self.state == State::Completing {
            self.refuse_parked_syncs(step, GroupError::RebalanceInProgress);
        }
        self.pending_syncs.clear();
        step.timers.cancel(self.sync_timer());
        step.out.notices.push(Notice::RebalanceStarted {
            group_id: self.id.clone(),
            generation: self.generation,
            reason,
        });
        self.state_timestamp_ms = Some(step.now.wall_ms);
        if self.state == State::Empty {
            let delay_ms = step.config.initial_rebalance_delay_ms;
            let remaining_ms = self.members.rebalance_timeout_ms().saturating_sub(delay_ms);
            self.state = State::Preparing(Preparing::Initial {
                waited_ms: delay_ms,
                remaining_ms,
                more_came: false,
            });
            return step.schedule(self.join_timer(), delay_ms);
        }
        self.state = State::Preparing(Preparing::Rejoin);
        if self.all_joined() {
            self.complete_join(step);
        } else {
            step.schedule(self.join_timer(), self.members.rebalance_timeout_ms());
        }
    }

    /// The group was loaded with more members than it may have: those that are slowest to rejoin
    /// have to go, and all get a chance to commit before.
    pub(crate) fn shrink_if_too_large(&mut self, step: &mut Step<'_>) {
        if self.members.len() > step.config.group_size_max {
            self.prepare_rebalance(step, "the group was loaded and is over its size".to_owned());
        }
    }

    /// Starts the sessions of all members, none of which has been heard of since the load.
    pub(crate) fn restart_sessions(&mut self, step: &mut Step<'_>) {
        for member in self.members.iter() {
            self.restart_session(step, &member.id);
        }
    }

    fn all_joined(&self) -> bool {
        self.members.joined() == self.members.len() && self.pending_joins.is_empty()
    }

    /// Ends the first half of a rebalance if nobody is missing; a group that was empty waits for
    /// members that it does not know yet.
    pub(super) fn complete_join_if_all_joined(&mut self, step: &mut Step<'_>) {
        if self.state == State::Preparing(Preparing::Rejoin) && self.all_joined() {
            self.complete_join(step);
        }
    }

    /// The same where a member is gone that the group need not wait for any more, even if it was
    /// empty before.
    pub(super) fn complete_join_without_waiting(&mut self, step: &mut Step<'_>) {
        if matches!(self.state, State::Preparing(_)) && self.all_joined() {
            self.complete_join(step);
        }
    }

    /// The time for joining is over, or for a group that was empty, a part of it is: each part in
    /// which a member came is followed by another, up to the rebalance timeout.
    pub(crate) fn join_timer_fired(&mut self, step: &mut Step<'_>) {
        let State::Preparing(preparing) = self.state else {
            return;
        };
        if let Preparing::Initial {
            waited_ms,
            remaining_ms,
            more_came: true,
        } = preparing
            && remaining_ms > 0
        {
            let delay_ms = step.config.initial_rebalance_delay_ms.min(remaining_ms);
            self.state = State::Preparing(Preparing::Initial {
                waited_ms: delay_ms,
                remaining_ms: remaining_ms.saturating_sub(waited_ms),
                more_came: false,
            });
            return step.schedule(self.join_timer(), delay_ms);
        }
        self.complete_join(step);
    }

    /// Ends the first half of a rebalance with whoever has joined. Static members keep their
    /// place for as long as their session lasts.
    fn complete_join(&mut self, step: &mut Step<'_>) {
        step.timers.cancel(self.join_timer());
        let missing = |member: &&Member| !member.join().is_parked() && member.instance_id.is_none();
        let gone: Vec<MemberId> = self
            .members
            .iter()
            .filter(missing)
            .map(|member| member.id.clone())
            .collect();
        for id in gone {
            self.notice_removed(step, &id, "did not rejoin in time");
            self.drop_member(step, &id);
        }
        if self.members.is_empty() {
            return self.conclude_empty(step);
        }
        if !self.elect_joined_leader() {
            // Only static members are left and none has rejoined: wait until one does or their
            // sessions end.
            let again_ms = self.members.rebalance_timeout_ms().max(REJOIN_CHECK_MS_MIN);
            return step.schedule(self.join_timer(), again_ms);
        }
        self.start_generation(step);
    }

    /// The leader stays if it has joined; otherwise one that has takes its place. One that waits
    /// for the answer can assign at once; one whose connection closed may be dead, and all others
    /// would wait for it until its session ends.
    fn elect_joined_leader(&mut self) -> bool {
        let waits = |member: &&Member| member.join().waiter().is_some();
        let has_joined = |member: &&Member| member.join().is_parked();
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        let elected = leader
            .filter(waits)
            .or_else(|| self.members.iter().find(waits))
            .or(leader.filter(has_joined))
            .or_else(|| self.members.iter().find(has_joined))
            .map(|member| member.id.clone());
        let is_elected = elected.is_some();
        if is_elected {
            self.leader = elected;
        }
        is_elected
    }

    /// Nobody is left: the record that says so empties the group.
    fn conclude_empty(&mut self, step: &mut Step<'_>) {
        let mut value = self.generation_record(step.now, |member| member.assignment.clone());
        value.generation = next_generation(self.generation);
        value.protocol = None;
        value.leader = None;
        step.out.records.push(self.record(&value));
    }

    /// Tells everybody who has joined of the new generation; the leader gets the members too.
    fn start_generation(&mut self, step: &mut Step<'_>) {
        self.generation = next_generation(self.generation);
        self.protocol = self.members.select_protocol(None).map(str::to_owned);
        self.learn_subscribed_topics();
        self.state = State::Completing;
        self.state_timestamp_ms = Some(step.now.wall_ms);
        self.pending_syncs.clear();
        step.out.notices.push(Notice::GenerationStarted {
            group_id: self.id.clone(),
            generation: self.generation,
            members: self.members.len(),
        });
        for id in self.members.ids() {
            let parked = self.members.set_join(&id, Parked::Nothing);
            if let Some(waiter) = parked.waiter() {
                let joined = self.joined_group(&id, self.is_leader(&id));
                accept_join(step, waiter, id.clone(), joined);
            }
            self.restart_session(step, &id);
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
                member.knows_its_id = true;
            }
            self.pending_syncs.insert(id);
        }
        step.schedule(self.sync_timer(), self.members.rebalance_timeout_ms());
    }

    /// The assignment that members wait for will not come: they are to join again.
    pub(super) fn refuse_parked_syncs(&mut self, step: &mut Step<'_>, error: GroupError) {
        for member in self.members.iter_mut() {
            member.assignment = Bytes::new();
        }
        for id in self.members.ids() {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            let parked = std::mem::take(&mut member.sync);
            if parked.is_parked() {
                self.restart_session(step, &id);
            }
            if let Some(waiter) = parked.waiter() {
                step.reply(waiter, Reply::Sync(Err(error)));
            }
        }
    }

    /// Members that joined have not asked for their assignments in all the time of a rebalance.
    pub(crate) fn sync_timer_fired(&mut self, step: &mut Step<'_>) {
        if !matches!(self.state, State::Completing | State::Stable) {
            return;
        }
        let silent = std::mem::take(&mut self.pending_syncs);
        if silent.is_empty() {
            return;
        }
        for id in &silent {
            self.notice_removed(step, id, "did not fetch its assignment in time");
            self.drop_member(step, id);
        }
        self.prepare_rebalance(
            step,
            format!("{} members did not sync in time", silent.len()),
        );
    }

    pub(super) fn notice_removed(&self, step: &mut Step<'_>, id: &MemberId, reason: &'static str) {
        step.out.notices.push(Notice::MemberRemoved {
            group_id: self.id.clone(),
            member_id: id.clone(),
            reason,
        });
    }
}

/// Generations start at 1 again when they run out; −1 and 0 mean that there is none.
fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(1)
}
