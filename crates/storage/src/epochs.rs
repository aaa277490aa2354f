//! Which leader epoch wrote which part of a log (KIP-101).
//!
//! The file `leader-epoch-checkpoint` is a copy of what the batch headers say. It is written
//! without waiting for the disk, because recovery rebuilds what is missing in it.

use highwater_types::{LeaderEpoch, Offset};

/// Epochs and the offsets at which they start, both rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EpochLineage {
    entries: Vec<(LeaderEpoch, Offset)>,
    /// Whether the file does not say the same yet.
    pub(crate) is_dirty: bool,
}

impl EpochLineage {
    /// Takes what a file says, as far as it rises; the rest would be damage.
    pub(crate) fn from_entries(entries: Vec<(LeaderEpoch, Offset)>) -> Self {
        let mut lineage = Self::default();
        for (epoch, start) in entries {
            lineage.assign(epoch, start);
        }
        lineage.is_dirty = false;
        lineage
    }

    pub(crate) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.entries
    }

    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.entries.last().map(|(epoch, _)| *epoch)
    }

    /// Notes that `epoch` writes from `start` on. An epoch that wrote nothing is forgotten.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) {
        if epoch.0 < 0 || self.latest().is_some_and(|latest| epoch <= latest) {
            return;
        }
        while self.entries.last().is_some_and(|(_, at)| *at >= start) {
            self.entries.pop();
        }
        self.entries.push((epoch, start));
        self.is_dirty = true;
    }

    /// Forgets epochs that start at or behind the new end of the log.
    pub(crate) fn truncate_end(&mut self, end: Offset) {
        let kept = self.entries.partition_point(|(_, start)| *start < end);
        self.is_dirty |= kept < self.entries.len();
        self.entries.truncate(kept);
    }

    /// Lets the oldest epoch that is still needed start at the new start of the log.
    pub(crate) fn truncate_start(&mut self, log_start: Offset) {
        let behind = self
            .entries
            .partition_point(|(_, start)| *start <= log_start);
        if behind == 0 || self.entries[behind - 1].1 == log_start && behind == 1 {
            return;
        }
        self.entries.drain(..behind - 1);
        self.entries[0].1 = log_start;
        self.is_dirty = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(entries: &[(i32, i64)]) -> EpochLineage {
        let entries = entries
            .iter()
            .map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start)));
        EpochLineage::from_entries(entries.collect())
    }

    #[test]
    fn an_epoch_that_wrote_nothing_gives_way_to_the_next() {
        let mut got = lineage(&[(0, 0), (1, 10)]);
        got.assign(LeaderEpoch(2), Offset(10));
        assert_eq!(got.entries(), lineage(&[(0, 0), (2, 10)]).entries());
        got.assign(LeaderEpoch(2), Offset(50));
        got.assign(LeaderEpoch(1), Offset(60));
        assert_eq!(got.entries(), lineage(&[(0, 0), (2, 10)]).entries());
    }

    #[test]
    fn the_ends_are_cut_as_the_log_is() {
        let mut got = lineage(&[(0, 0), (2, 10), (5, 20)]);
        got.truncate_start(Offset(12));
        assert_eq!(got.entries(), lineage(&[(2, 12), (5, 20)]).entries());
        got.truncate_end(Offset(20));
        assert_eq!(got.entries(), lineage(&[(2, 12)]).entries());
        got.truncate_start(Offset(100));
        assert_eq!(got.entries(), lineage(&[(2, 100)]).entries());
    }
}
