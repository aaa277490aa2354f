//! The duties of a follower: copying its leader, and cutting off what the leader does not have.

use highwater_types::{LeaderEpoch, Offset};

use crate::replica::Duty;
use crate::{Effect, Effects, EpochEnd, EpochEntry, PartitionState, Replica, StaleState};

/// What the next fetch of a follower asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextFetch {
    /// Where to go on.
    pub fetch_offset: Offset,
    /// In which epoch the record before it was written, so that the leader can tell whether our
    /// log is a prefix of its own (KIP-595).
    pub last_fetched_epoch: Option<LeaderEpoch>,
    /// The leader epoch we believe in.
    pub leader_epoch: LeaderEpoch,
    /// The start of our log.
    pub log_start: Offset,
    /// What we have on disk.
    pub flushed_end: Offset,
}

impl Replica {
    /// The controller has decided that another broker leads, or none.
    ///
    /// The log is left as it is: where it differs from the new leader's is found out by fetching
    /// from its end.
    pub fn become_follower(&mut self, state: PartitionState) -> Result<Effects, StaleState> {
        self.refuse_stale(&state)?;
        let mut effects = Effects::new();
        if self.is_leader() {
            effects.push(Effect::FailWaiters);
        }
        let follows_the_same = matches!(self.duty, Duty::Follower { .. })
            && state.leader == self.state.leader
            && state.leader_epoch == self.state.leader_epoch;
        if !follows_the_same {
            self.duty = Duty::Follower {
                leader_high_watermark: self.high_watermark,
            };
            // An epoch in which we have led without writing is known to nobody else, and a leader
            // that is asked about it would forever answer that our logs differ.
            self.lineage.truncate_from_end(self.ends.log_end);
            let has_leader = state.leader.get() >= 0;
            effects.push(if has_leader {
                Effect::Follow {
                    leader: state.leader,
                    leader_epoch: state.leader_epoch,
                }
            } else {
                Effect::StopFetching
            });
        }
        self.state = state;
        Ok(effects)
    }

    /// What to ask the leader for next; `None` unless this replica follows one.
    pub fn next_fetch(&self) -> Option<NextFetch> {
        if !matches!(self.duty, Duty::Follower { .. }) || self.state.leader.get() < 0 {
            return None;
        }
        Some(NextFetch {
            fetch_offset: self.ends.log_end,
            last_fetched_epoch: self.lineage.latest().map(|entry| entry.epoch),
            leader_epoch: self.state.leader_epoch,
            log_start: self.ends.log_start,
            flushed_end: self.ends.flushed_end,
        })
    }

    /// A batch of `epoch` is about to be appended at `start`: returns the entry that must be
    /// stored if that is where the epoch begins.
    pub fn epoch_begins(&mut self, epoch: LeaderEpoch, start: Offset) -> Option<EpochEntry> {
        self.lineage
            .assign(epoch, start)
            .then_some(EpochEntry { epoch, start })
    }

    /// The leader has told its high watermark; returns ours if it moved.
    #[must_use = "those who wait for the high watermark must hear of it"]
    pub fn leader_high_watermark(&mut self, told: Offset) -> Option<Offset> {
        if let Duty::Follower {
            leader_high_watermark,
        } = &mut self.duty
        {
            *leader_high_watermark = told.max(*leader_high_watermark);
        }
        self.advance_high_watermark()
    }

    /// The leader has answered a fetch by saying that our logs differ, and where the epoch of
    /// our last record, or the largest before it, ends in its own.
    ///
    /// If we know that epoch too, what both have of it is common ground. If not, we cut back to
    /// the end of the largest smaller epoch that we know, and the next fetch asks again
    /// (KIP-279). A leader that knows nothing of our epoch gives no reason to cut anything.
    pub fn diverged(&mut self, leader_has: EpochEnd) -> Effects {
        if !matches!(self.duty, Duty::Follower { .. }) || leader_has.is_unknown() {
            return Effects::new();
        }
        let ours = self
            .lineage
            .end_offset_for(leader_has.epoch, self.ends.log_end);
        let to = if ours.is_unknown() {
            leader_has.end
        } else if ours.epoch == leader_has.epoch {
            ours.end.min(leader_has.end)
        } else {
            ours.end
        };
        let to = to.min(self.ends.log_end).max(self.ends.log_start);
        if to == self.ends.log_end {
            return Effects::new();
        }
        vec![Effect::Truncate {
            to,
            loses_committed: to < self.high_watermark,
        }]
    }
}
