//! The duties of a leader: knowing how far each follower has come, and who is in sync.

use highwater_types::{BrokerId, LeaderEpoch, Now, Offset};

use crate::replica::Duty;
use crate::{
    Durability, Effect, Effects, EpochEntry, IsrProposal, PartitionState, Replica,
    ReplicationError, StaleState,
};

/// What a follower's fetch says about the follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerFetch {
    /// The first offset of its log.
    pub log_start: Offset,
    /// Where it wants to go on, hence the end of its log.
    pub log_end: Offset,
    /// What it has on disk; `None` from a follower that does not say, which then counts for
    /// nothing under [`Durability::Fsync`].
    pub flushed_end: Option<Offset>,
    /// The leader epoch it believes in; `None` if it does not say.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// What a leader remembers for as long as it leads.
#[derive(Debug)]
pub(crate) struct Leadership {
    /// The log end at which this leader took over: who has less has not yet proven to share
    /// our history.
    epoch_start: Offset,
    followers: Vec<Follower>,
    /// What was proposed to the controller and not yet answered.
    pending: Option<IsrProposal>,
}

#[derive(Debug)]
struct Follower {
    broker: BrokerId,
    log_start: Offset,
    log_end: Offset,
    flushed_end: Offset,
    /// When it last fetched, and where our log ended then.
    last_fetch_ms: u64,
    leader_end_at_last_fetch: Offset,
    /// The last moment at which it held all that we had then; `None` if that never was.
    caught_up_ms: Option<u64>,
    /// Confirmed or proposed as in sync, or about to be: the high watermark waits for it.
    counts: bool,
}

impl Follower {
    fn held(&self, durability: Durability) -> Offset {
        match durability {
            Durability::Fsync => self.flushed_end,
            Durability::Replicated => self.log_end,
        }
    }

    fn is_late(&self, now: Now, lag_ms_max: u64) -> bool {
        self.caught_up_ms
            .is_none_or(|then| now.mono_ms.saturating_sub(then) > lag_ms_max)
    }

    /// Notes a fetch. Being caught up means to hold all that the leader had at the fetch before:
    /// while records keep coming no follower ever holds all that there is now.
    fn fetched(&mut self, now: Now, durability: Durability, leader_end: Offset) {
        let held = self.held(durability);
        let before = self.leader_end_at_last_fetch;
        if held >= leader_end {
            self.caught_up_ms = Some(now.mono_ms);
        } else if before != Offset::UNKNOWN && held >= before {
            self.caught_up_ms = self.caught_up_ms.max(Some(self.last_fetch_ms));
        }
        self.last_fetch_ms = now.mono_ms;
        self.leader_end_at_last_fetch = leader_end;
    }
}

impl Leadership {
    /// The end of what every replica that counts holds.
    pub(crate) fn held_by_all(&self, durability: Durability, local: Offset) -> Offset {
        self.followers
            .iter()
            .filter(|follower| follower.counts)
            .fold(local, |least, follower| {
                least.min(follower.held(durability))
            })
    }

    /// Brings the followers into line with the replicas that the controller names.
    fn reconcile(&mut self, now: Now, local: BrokerId, state: &PartitionState) {
        self.followers
            .retain(|follower| state.replicas.contains(&follower.broker));
        for broker in state.replicas.iter().filter(|broker| **broker != local) {
            if self
                .followers
                .iter()
                .all(|follower| follower.broker != *broker)
            {
                self.followers.push(Follower {
                    broker: *broker,
                    log_start: Offset::UNKNOWN,
                    log_end: Offset::UNKNOWN,
                    flushed_end: Offset::UNKNOWN,
                    last_fetch_ms: 0,
                    leader_end_at_last_fetch: Offset::UNKNOWN,
                    // A member gets its full time before it is called late by a new leader.
                    caught_up_ms: state.isr.contains(broker).then_some(now.mono_ms),
                    counts: false,
                });
            }
        }
        for follower in &mut self.followers {
            follower.counts = state.isr.contains(&follower.broker);
        }
    }
}

impl Replica {
    /// The controller has decided: leads or follows as the state says.
    pub fn state_changed(
        &mut self,
        now: Now,
        state: PartitionState,
    ) -> Result<Effects, StaleState> {
        if state.leader == self.local {
            self.become_leader(now, state)
        } else {
            self.become_follower(state)
        }
    }

    /// The controller has decided that this replica leads, or has changed something while it
    /// does: its in-sync set, its replicas.
    ///
    /// A new leader epoch starts at the log end, which [`Effect::PersistEpoch`] makes durable;
    /// progress of followers known from before is forgotten, because it was made under another
    /// leader. The same state a second time does nothing.
    pub fn become_leader(
        &mut self,
        now: Now,
        state: PartitionState,
    ) -> Result<Effects, StaleState> {
        self.refuse_stale(&state)?;
        let is_new_epoch = state.leader_epoch > self.state.leader_epoch || !self.is_leader();
        if !is_new_epoch && state.partition_epoch == self.state.partition_epoch {
            return Ok(Effects::new());
        }
        let mut effects = Effects::new();
        if is_new_epoch {
            let start = EpochEntry {
                epoch: state.leader_epoch,
                start: self.ends.log_end,
            };
            if self.lineage.assign(start.epoch, start.start) {
                effects.push(Effect::PersistEpoch(start));
            }
            self.duty = Duty::Leader(Leadership {
                epoch_start: self.ends.log_end,
                followers: Vec::new(),
                pending: None,
            });
        }
        if let Duty::Leader(leadership) = &mut self.duty {
            leadership.pending = None;
            leadership.reconcile(now, self.local, &state);
        }
        self.state = state;
        self.advance_into(&mut effects);
        Ok(effects)
    }

    pub(crate) fn refuse_stale(&self, state: &PartitionState) -> Result<(), StaleState> {
        let is_stale = state.leader_epoch < self.state.leader_epoch
            || state.partition_epoch < self.state.partition_epoch;
        if !is_stale {
            return Ok(());
        }
        Err(StaleState {
            given_leader_epoch: state.leader_epoch,
            given_partition_epoch: state.partition_epoch,
            leader_epoch: self.state.leader_epoch,
            partition_epoch: self.state.partition_epoch,
        })
    }

    /// A follower has fetched: notes its progress, moves the high watermark, and proposes the
    /// follower for the in-sync set once it holds all that is committed.
    ///
    /// Call it after [`Replica::diverging`] has found no divergence: where a follower's log ends
    /// says nothing as long as it is another log than ours.
    pub fn follower_fetched(
        &mut self,
        now: Now,
        broker: BrokerId,
        fetch: FollowerFetch,
    ) -> Result<Effects, ReplicationError> {
        self.check_leader(fetch.leader_epoch)?;
        let leader_end = self.ends.log_end;
        let durability = self.settings.durability;
        let lag_ms_max = self.settings.replica_lag_ms_max;
        let Duty::Leader(leadership) = &mut self.duty else {
            return Err(ReplicationError::NotLeader);
        };
        let Some(follower) = leadership.followers.iter_mut().find(|f| f.broker == broker) else {
            return Err(ReplicationError::NotReplica(broker));
        };
        if fetch.log_end > leader_end {
            // A log that goes on behind our end is not ours, and what it holds proves nothing.
            return Ok(Effects::new());
        }
        follower.log_start = fetch.log_start;
        follower.log_end = fetch.log_end;
        let flushed_end = fetch.flushed_end.unwrap_or(Offset::UNKNOWN);
        follower.flushed_end = flushed_end.min(fetch.log_end);
        follower.fetched(now, durability, leader_end);
        let held = follower.held(durability);
        let is_member = self.state.isr.contains(&broker);
        // Without this a steady producer would move the high watermark away from a follower
        // that keeps up but is always a little behind.
        let keeps_up = !follower.is_late(now, lag_ms_max) && held >= leadership.epoch_start;
        let is_proposed = leadership
            .pending
            .as_ref()
            .is_some_and(|p| p.isr.contains(&broker));
        follower.counts = is_member || is_proposed || keeps_up;
        let joins = !is_member
            && leadership.pending.is_none()
            && held >= self.high_watermark
            && held >= leadership.epoch_start;
        let mut effects = Effects::new();
        if joins {
            let mut isr = self.state.isr.clone();
            isr.push(broker);
            effects.push(self.propose(isr));
        }
        self.advance_into(&mut effects);
        Ok(effects)
    }

    /// Proposes to go on without members that have been behind for too long. To be called a few
    /// times per `replica.lag.time.max.ms`.
    pub fn tick(&mut self, now: Now) -> Effects {
        let lag_ms_max = self.settings.replica_lag_ms_max;
        let Duty::Leader(leadership) = &mut self.duty else {
            return Effects::new();
        };
        let mut remaining = self.state.isr.clone();
        let proposed = leadership
            .pending
            .as_ref()
            .map_or(&[][..], |pending| &pending.isr);
        for follower in leadership
            .followers
            .iter_mut()
            .filter(|f| f.is_late(now, lag_ms_max))
        {
            remaining.retain(|broker| *broker != follower.broker);
            // Being late is enough for whoever was only keeping up; a member leaves when the
            // controller has agreed.
            follower.counts &=
                self.state.isr.contains(&follower.broker) || proposed.contains(&follower.broker);
        }
        let mut effects = Effects::new();
        if leadership.pending.is_none() && remaining.len() < self.state.isr.len() {
            effects.push(self.propose(remaining));
        }
        self.advance_into(&mut effects);
        effects
    }

    /// The controller has refused the pending proposal, or has not answered in time: the next
    /// fetch or tick proposes again. An accepted proposal comes as a new state.
    pub fn proposal_refused(&mut self) -> Effects {
        let mut effects = Effects::new();
        if let Duty::Leader(leadership) = &mut self.duty {
            leadership.pending = None;
            for follower in &mut leadership.followers {
                follower.counts = self.state.isr.contains(&follower.broker);
            }
        }
        self.advance_into(&mut effects);
        effects
    }

    fn propose(&mut self, isr: Vec<BrokerId>) -> Effect {
        let proposal = IsrProposal {
            leader_epoch: self.state.leader_epoch,
            partition_epoch: self.state.partition_epoch,
            isr,
        };
        if let Duty::Leader(leadership) = &mut self.duty {
            for follower in &mut leadership.followers {
                follower.counts |= proposal.isr.contains(&follower.broker);
            }
            leadership.pending = Some(proposal.clone());
        }
        Effect::ProposeIsr(proposal)
    }

    /// The proposal that the controller has not answered yet.
    pub fn pending_proposal(&self) -> Option<&IsrProposal> {
        match &self.duty {
            Duty::Leader(leadership) => leadership.pending.as_ref(),
            Duty::Unassigned | Duty::Follower { .. } => None,
        }
    }

    /// The first offset that some replica still has: what DeleteRecords answers. Only a leader
    /// knows it, and only once it has heard from every replica.
    pub fn low_watermark(&self) -> Offset {
        match &self.duty {
            Duty::Leader(leadership) => leadership
                .followers
                .iter()
                .fold(self.ends.log_start, |least, follower| {
                    least.min(follower.log_start)
                }),
            Duty::Unassigned | Duty::Follower { .. } => Offset::UNKNOWN,
        }
    }
}
