//! Which leader epoch began at which offset.

use highwater_types::{LeaderEpoch, Offset};

/// One line of the lineage: an epoch and the offset of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEntry {
    /// The leader epoch.
    pub epoch: LeaderEpoch,
    /// Where it began.
    pub start: Offset,
}

/// Where an epoch ends: the answer to OffsetForLeaderEpoch.
///
/// `epoch` is the largest epoch that is known and not larger than the requested one; both are
/// unknown (−1) if nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    /// The epoch that was found.
    pub epoch: LeaderEpoch,
    /// The offset behind its last record.
    pub end: Offset,
}

impl EpochEnd {
    /// Nothing can be said.
    pub const UNKNOWN: Self = Self {
        epoch: LeaderEpoch::UNKNOWN,
        end: Offset::UNKNOWN,
    };

    /// Whether nothing can be said.
    pub fn is_unknown(self) -> bool {
        self.end == Offset::UNKNOWN
    }
}

/// The history of leadership of one log, as `leader-epoch-checkpoint` stores it.
///
/// Both epochs and start offsets grow strictly from entry to entry: an epoch in which nothing
/// was written is forgotten when the next one begins at the same offset.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EpochLineage {
    entries: Vec<EpochEntry>,
}

impl EpochLineage {
    /// A lineage without any epoch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes entries in the order in which they were written; where two contradict each other
    /// the later one wins, as it would have while they were written.
    pub fn from_entries(entries: impl IntoIterator<Item = EpochEntry>) -> Self {
        let mut lineage = Self::new();
        for entry in entries {
            lineage.assign(entry.epoch, entry.start);
        }
        lineage
    }

    /// Notes that `epoch` begins at `start`; `true` if that changed anything and must be stored.
    ///
    /// An epoch that is already the latest keeps its start unless the new one is smaller.
    /// Entries that would not be smaller in both epoch and start are dropped: their records
    /// have been cut off, or never were. A negative epoch or start is ignored.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        if epoch.get() < 0 || start.get() < 0 {
            return false;
        }
        if let Some(latest) = self.latest()
            && latest.epoch == epoch
            && latest.start <= start
        {
            return false;
        }
        while let Some(latest) = self.latest()
            && (latest.epoch >= epoch || latest.start >= start)
        {
            self.entries.pop();
        }
        self.entries.push(EpochEntry { epoch, start });
        true
    }

    /// The epoch that is being written, or was last.
    pub fn latest(&self) -> Option<EpochEntry> {
        self.entries.last().copied()
    }

    /// The oldest epoch of which records may remain.
    pub fn earliest(&self) -> Option<EpochEntry> {
        self.entries.first().copied()
    }

    /// Where `requested` ends in a log that ends at `log_end`.
    ///
    /// For the latest epoch that is the log end; for an older one the start of the epoch that
    /// followed. An epoch older than all that are known ends where the oldest begins: its
    /// records are gone, and whoever asks can go on from there. An epoch newer than all is
    /// unknown.
    pub fn end_offset_for(&self, requested: LeaderEpoch, log_end: Offset) -> EpochEnd {
        let Some(latest) = self.latest() else {
            return EpochEnd::UNKNOWN;
        };
        if requested.get() < 0 || requested > latest.epoch {
            return EpochEnd::UNKNOWN;
        }
        if requested == latest.epoch {
            return EpochEnd {
                epoch: requested,
                end: log_end,
            };
        }
        let above = self
            .entries
            .partition_point(|entry| entry.epoch <= requested);
        let end = self.entries.get(above).map_or(log_end, |entry| entry.start);
        let epoch = match above
            .checked_sub(1)
            .and_then(|below| self.entries.get(below))
        {
            Some(entry) => entry.epoch,
            None => requested,
        };
        EpochEnd { epoch, end }
    }

    /// The epoch in which the record at `offset` was written; unknown before the first entry.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let above = self.entries.partition_point(|entry| entry.start <= offset);
        above
            .checked_sub(1)
            .and_then(|below| self.entries.get(below))
            .map(|entry| entry.epoch)
    }

    /// Forgets what began at or behind the new log end; `true` if that changed anything.
    pub fn truncate_from_end(&mut self, log_end: Offset) -> bool {
        let keep = self.entries.partition_point(|entry| entry.start < log_end);
        let changed = keep < self.entries.len();
        self.entries.truncate(keep);
        changed
    }

    /// Forgets what ended before the new log start, and lets the epoch at the log start begin
    /// there; `true` if that changed anything.
    pub fn truncate_from_start(&mut self, log_start: Offset) -> bool {
        let reached = self
            .entries
            .partition_point(|entry| entry.start <= log_start);
        let Some(current) = reached.checked_sub(1) else {
            return false;
        };
        let changed = current > 0
            || self
                .entries
                .get(current)
                .is_some_and(|entry| entry.start != log_start);
        self.entries.drain(..current);
        if let Some(first) = self.entries.first_mut() {
            first.start = log_start;
        }
        changed
    }

    /// Forgets everything, as when a log starts anew elsewhere.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The entries from the oldest to the latest.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = EpochEntry> + '_ {
        self.entries.iter().copied()
    }

    /// How many epochs are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no epoch is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
