//! The state of one local replica, and the two calls that every produce request makes.

use highwater_types::{BrokerId, LeaderEpoch, Offset};

use crate::leader::Leadership;
use crate::{Durability, Effect, Effects, EpochLineage, LogEnds, PartitionState, ReplicaSettings};

/// What a replica currently is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The controller has not been heard of yet.
    Unassigned,
    /// Appends what producers send.
    Leader,
    /// Copies this leader, which may be [`BrokerId::NONE`] for the time being.
    Follower(BrokerId),
}

/// One local replica of one partition; see the crate's documentation for its rules.
#[derive(Debug)]
pub struct Replica {
    pub(crate) local: BrokerId,
    pub(crate) ends: LogEnds,
    pub(crate) high_watermark: Offset,
    pub(crate) lineage: EpochLineage,
    pub(crate) settings: ReplicaSettings,
    /// What the controller decided last.
    pub(crate) state: PartitionState,
    pub(crate) duty: Duty,
}

/// What only the current role needs to remember.
#[derive(Debug)]
pub(crate) enum Duty {
    Unassigned,
    Leader(Leadership),
    Follower {
        /// The high watermark that the leader last told of; ours trails it by what we lack.
        leader_high_watermark: Offset,
    },
}

impl Replica {
    /// A replica as storage found it, before the controller has said who leads.
    ///
    /// The checkpoint of the high watermark is written without haste and may be older or, after
    /// a loss of the log's tail, newer than the log: it is brought into the log's bounds. The
    /// lineage may reach further than the log for the same reason, and is cut.
    pub fn new(
        local: BrokerId,
        ends: LogEnds,
        high_watermark: Offset,
        lineage: EpochLineage,
        settings: ReplicaSettings,
    ) -> Self {
        let log_end = ends.log_end.max(ends.log_start);
        let ends = LogEnds {
            log_end,
            flushed_end: ends.flushed_end.min(log_end),
            ..ends
        };
        let mut lineage = lineage;
        lineage.truncate_from_end(ends.log_end);
        lineage.truncate_from_start(ends.log_start);
        Self {
            local,
            ends,
            high_watermark: high_watermark.min(ends.log_end).max(ends.log_start),
            lineage,
            settings,
            state: PartitionState {
                leader: BrokerId::NONE,
                leader_epoch: LeaderEpoch::UNKNOWN,
                partition_epoch: -1,
                replicas: Vec::new(),
                isr: Vec::new(),
            },
            duty: Duty::Unassigned,
        }
    }

    /// The log has grown to `end`; returns the high watermark if it moved.
    ///
    /// On the leader these are a producer's records, on a follower the leader's. Appends and
    /// flushes need not be reported in the order in which they happened: threads that append,
    /// and the one that flushes, take the lock of the log and that of this machine one after
    /// the other, and may overtake each other in between.
    #[must_use = "those who wait for the high watermark must hear of it"]
    pub fn appended(&mut self, end: Offset) -> Option<Offset> {
        self.ends.log_end = self.ends.log_end.max(end);
        self.advance_high_watermark()
    }

    /// Everything below `end` is on disk; returns the high watermark if it moved.
    ///
    /// What is on disk is in the log, so a flush that is reported before the append that it
    /// covers tells of that append too; were it cut to the known log end, nobody would ever
    /// acknowledge the rest.
    ///
    /// DURABILITY: call this only after the fsync has returned without error, with the log end
    /// that was read before the fsync began.
    #[must_use = "those who wait for the high watermark must hear of it"]
    pub fn flushed(&mut self, end: Offset) -> Option<Offset> {
        self.ends.log_end = self.ends.log_end.max(end);
        self.ends.flushed_end = self.ends.flushed_end.max(end);
        self.advance_high_watermark()
    }

    /// Retention or DeleteRecords has moved the start of the log; returns the high watermark if
    /// it moved with it.
    #[must_use = "those who wait for the high watermark must hear of it"]
    pub fn log_start_advanced(&mut self, log_start: Offset) -> Option<Offset> {
        if log_start <= self.ends.log_start {
            return None;
        }
        self.ends.log_start = log_start;
        self.ends.log_end = self.ends.log_end.max(log_start);
        self.ends.flushed_end = self.ends.flushed_end.max(log_start);
        self.lineage.truncate_from_start(log_start);
        let pushed = (self.high_watermark < log_start).then_some(log_start);
        self.high_watermark = self.high_watermark.max(log_start);
        self.advance_high_watermark().or(pushed)
    }

    /// The log has been cut to `log_end`, as [`Effect::Truncate`] asked.
    pub fn truncated(&mut self, log_end: Offset) {
        let log_end = log_end.max(self.ends.log_start).min(self.ends.log_end);
        self.ends.log_end = log_end;
        self.ends.flushed_end = self.ends.flushed_end.min(log_end);
        self.high_watermark = self.high_watermark.min(log_end);
        self.lineage.truncate_from_end(log_end);
    }

    /// The log has been emptied and starts anew at `log_start`, because the leader no longer
    /// has what would follow the old log end.
    pub fn restarted_at(&mut self, log_start: Offset) {
        self.ends = LogEnds {
            log_start,
            log_end: log_start,
            flushed_end: log_start,
        };
        self.high_watermark = log_start;
        self.lineage.clear();
    }

    /// Takes changed settings; returns the high watermark if it moved.
    ///
    /// A change to [`Durability::Fsync`] takes nothing back: the high watermark waits until the
    /// disks have caught up with it.
    #[must_use = "those who wait for the high watermark must hear of it"]
    pub fn configure(&mut self, settings: ReplicaSettings) -> Option<Offset> {
        self.settings = settings;
        self.advance_high_watermark()
    }

    /// Moves the high watermark as far as the rules allow, never back.
    pub(crate) fn advance_high_watermark(&mut self) -> Option<Offset> {
        let reached = match &self.duty {
            Duty::Unassigned => return None,
            Duty::Leader(_) if self.is_under_min_isr() => return None,
            Duty::Leader(leadership) => {
                leadership.held_by_all(self.settings.durability, self.held_locally())
            }
            Duty::Follower {
                leader_high_watermark,
            } => (*leader_high_watermark).min(self.ends.log_end),
        };
        if reached <= self.high_watermark {
            return None;
        }
        self.high_watermark = reached;
        Some(reached)
    }

    /// The same, where effects are collected.
    pub(crate) fn advance_into(&mut self, effects: &mut Effects) {
        effects.extend(self.advance_high_watermark().map(Effect::HighWatermark));
    }

    /// The end of what this replica itself may count as held.
    pub(crate) fn held_locally(&self) -> Offset {
        match self.settings.durability {
            Durability::Fsync => self.ends.flushed_end,
            Durability::Replicated => self.ends.log_end,
        }
    }

    /// The offset below which nothing is ever lost or changed, and up to which consumers read.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// How far the log reaches.
    pub fn ends(&self) -> LogEnds {
        self.ends
    }

    /// The first offset that is still there.
    pub fn log_start(&self) -> Offset {
        self.ends.log_start
    }

    /// The offset that the next record will get.
    pub fn log_end(&self) -> Offset {
        self.ends.log_end
    }

    /// The offset below which everything is on the local disk.
    pub fn flushed_end(&self) -> Offset {
        self.ends.flushed_end
    }

    /// The epoch of the current leader; unknown before the controller has been heard of.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.state.leader_epoch
    }

    /// How often the controller has changed this partition.
    pub fn partition_epoch(&self) -> i32 {
        self.state.partition_epoch
    }

    /// Who leads, as far as this replica knows.
    pub fn leader(&self) -> BrokerId {
        self.state.leader
    }

    /// The in-sync set that the controller has confirmed.
    pub fn isr(&self) -> &[BrokerId] {
        &self.state.isr
    }

    /// Every broker that holds or shall hold a replica.
    pub fn replicas(&self) -> &[BrokerId] {
        &self.state.replicas
    }

    /// What this replica currently is.
    pub fn role(&self) -> Role {
        match self.duty {
            Duty::Unassigned => Role::Unassigned,
            Duty::Leader(_) => Role::Leader,
            Duty::Follower { .. } => Role::Follower(self.state.leader),
        }
    }

    /// Whether this replica takes appends.
    pub fn is_leader(&self) -> bool {
        matches!(self.duty, Duty::Leader(_))
    }

    /// Which epoch began at which offset.
    pub fn lineage(&self) -> &EpochLineage {
        &self.lineage
    }

    /// The settings in force.
    pub fn settings(&self) -> ReplicaSettings {
        self.settings
    }

    /// Whether fewer replicas are in sync than `min.insync.replicas` asks for; a partition with
    /// fewer replicas than that asks for all it has.
    pub fn is_under_min_isr(&self) -> bool {
        let asked = self.settings.min_insync_replicas as usize;
        self.state.isr.len() < asked.min(self.state.replicas.len())
    }

    /// Whether the leader sees a replica that is not in sync.
    pub fn is_under_replicated(&self) -> bool {
        self.is_leader() && self.state.isr.len() < self.state.replicas.len()
    }
}
