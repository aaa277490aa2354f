//! Keeping only the last record of each key (`cleanup.policy=compact`).
//!
//! A round reads the part of the log that is not compacted yet into a map from keys to their
//! last offsets, then writes every segment up to there anew without the records that the map
//! makes obsolete. Offsets never change. The map is bounded: if it fills up the round covers
//! less, and another round follows. The active segment is never touched.
//!
//! A round can be stopped between any two batches. The segment that is being written is then
//! thrown away, and the next round begins where this one did; what it has put in place already
//! stays and is soon gone through again.
//!
//! A round ends in front of the first transaction that is undecided. Records of transactions that
//! were aborted go; the others are compacted like any. A marker goes once no batch of its
//! transaction is left, and `delete.retention.ms` later.

mod clean;
mod offset_map;
mod swap;
mod trail;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use highwater_types::{Now, Offset};

use crate::config::LogConfig;
use crate::error::StorageError;
use crate::log::PartitionLog;
use crate::segment::Segment;

use offset_map::OffsetMap;
use trail::Trail;

/// How much a compaction may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionLimits {
    /// Bytes of the map from keys to offsets; a log with more keys takes several rounds.
    pub map_bytes_max: usize,
}

impl Default for CompactionLimits {
    fn default() -> Self {
        Self {
            map_bytes_max: 32 << 20,
        }
    }
}

/// What a compaction has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the segments that were looked at.
    pub bytes_before: u64,
    /// Bytes of those that replaced them.
    pub bytes_after: u64,
    /// The first offset that has not been compacted.
    pub clean_until: Offset,
    /// Whether the map was full, so that a further round has work.
    pub is_partial: bool,
}

/// Told of every stretch of bytes that was read or written; may block to keep a rate, and says
/// whether to go on.
pub type Throttle<'a> = dyn FnMut(u64) -> ControlFlow<()> + 'a;

/// Which part of a log a round is about.
struct Scope {
    /// All segments in front of the first that may not be touched.
    segments: Vec<Arc<Segment>>,
    first_dirty: Offset,
    uncleanable: Offset,
    dirty_ratio: f64,
    is_overdue: bool,
}

/// What a round decides records by.
struct Round<'a> {
    config: &'a LogConfig,
    map: &'a OffsetMap,
    wall_ms: i64,
    /// The offset behind the last one in the map.
    end: Offset,
}

impl PartitionLog {
    /// The share of the log that a compaction would clean, if it is due; the broker takes the
    /// dirtiest log first.
    pub fn compaction_due(&self, now: Now, upper: Offset) -> Result<Option<f64>, StorageError> {
        let config = self.config();
        let wall_ms = self.dir.clock.wall_ms(now);
        let scope = self.scope(&config, wall_ms, upper)?;
        Ok(scope
            .filter(|scope| is_due(scope, &config))
            .map(|scope| scope.dirty_ratio))
    }

    /// Compacts the log once if it is due. `upper` is the high watermark. A crash at any point
    /// leaves the old or the new segments. Only one compaction of a log runs at a time. `None`
    /// means that the round was not finished: it was not due, or `throttle` has stopped it, or
    /// the log has changed under it.
    pub fn compact(
        &self,
        now: Now,
        upper: Offset,
        limits: CompactionLimits,
        throttle: &mut Throttle<'_>,
    ) -> Result<Option<Compacted>, StorageError> {
        let Some(_cleaning) = self.cleaning.try_lock() else {
            return Ok(None);
        };
        self.check_usable()?;
        let config = self.config();
        let wall_ms = self.dir.clock.wall_ms(now);
        let Some(scope) = self
            .scope(&config, wall_ms, upper)?
            .filter(|s| is_due(s, &config))
        else {
            return Ok(None);
        };
        let is_in_wal = self.ends.wal_flushed.load(Ordering::Acquire) > 0;
        if is_in_wal || !self.dir.unreplayed.is_empty() {
            // DURABILITY: what the write-ahead log says of these segments is void on disk before
            // they are replaced, or a start would write it into those that replace them.
            let mut journal = self.dir.journal.lock();
            let stated = journal.record(&[(&self.ends.tp, self.ends.known())]);
            drop(journal);
            stated.map_err(|error| self.judge(error))?;
        }
        let mut map = OffsetMap::new(limits.map_bytes_max);
        let mut trail = self.trail(&scope)?;
        let filled = self.fill_map(&scope, &trail, &mut map, throttle)?;
        let Some(end) = filled.filter(|end| *end > scope.first_dirty) else {
            return Ok(None);
        };
        let round = Round {
            config: &config,
            map: &map,
            wall_ms,
            end,
        };
        let mut done = Compacted {
            clean_until: end,
            is_partial: end < scope.uncleanable,
            ..Compacted::default()
        };
        let covered = scope.segments.partition_point(|segment| segment.base < end);
        for group in group_by_size(&scope.segments[..covered], &config, scope.uncleanable) {
            done.bytes_before += group.iter().map(|segment| segment.size()).sum::<u64>();
            let Some(bytes) = self.compact_group(&group, &round, &mut trail, now, throttle)? else {
                return Ok(None);
            };
            done.bytes_after += bytes;
        }
        self.dir.set_cleaner_offset(&self.ends.tp, end)?;
        Ok(Some(done))
    }

    /// The transactions in the segments of a round.
    fn trail(&self, scope: &Scope) -> Result<Trail, StorageError> {
        let first = scope.segments.first().map_or(scope.first_dirty, |s| s.base);
        Ok(Trail::new(
            self.aborted_transactions(first, scope.uncleanable)?,
        ))
    }

    /// What could be compacted.
    fn scope(
        &self,
        config: &LogConfig,
        wall_ms: i64,
        upper: Offset,
    ) -> Result<Option<Scope>, StorageError> {
        if !config.compact {
            return Ok(None);
        }
        let unstable = self.first_unstable_offset().unwrap_or(Offset(i64::MAX));
        let bound = upper.min(self.flushed_end()).min(unstable);
        let all = self.view.lock().segments.clone();
        let Some((active, closed)) = all.split_last() else {
            return Ok(None);
        };
        let written = self.dir.cleaner_offset(&self.ends.tp);
        let first_dirty = written.unwrap_or(Offset::ZERO).max(self.log_start());
        // A mark beyond the log is that of another log of the same name.
        let first_dirty = if first_dirty > active.base {
            self.log_start()
        } else {
            first_dirty
        };
        let mut uncleanable = active.base;
        let (mut clean_bytes, mut dirty_bytes) = (0, 0);
        let mut segments = Vec::new();
        let mut is_overdue = false;
        for (at, segment) in closed.iter().enumerate() {
            let end = closed.get(at + 1).map_or(active.base, |next| next.base);
            let is_dirty = end > first_dirty;
            if is_dirty {
                let newest = self
                    .target_at(at)
                    .map(|target| self.max_timestamp_of(&target));
                let newest_ms = newest.transpose()?.map_or(i64::MAX, |max| max.timestamp_ms);
                let is_young = config.min_compaction_lag_ms > 0
                    && newest_ms > wall_ms.saturating_sub(config.min_compaction_lag_ms);
                if end > bound || is_young {
                    uncleanable = segment.base;
                    break;
                }
                let age_ms = wall_ms.saturating_sub(newest_ms);
                is_overdue |= newest_ms >= 0 && age_ms > config.max_compaction_lag_ms;
                dirty_bytes += segment.size();
            } else {
                clean_bytes += segment.size();
            }
            segments.push(Arc::clone(segment));
        }
        if dirty_bytes == 0 {
            return Ok(None);
        }
        let dirty_ratio = dirty_bytes as f64 / (clean_bytes + dirty_bytes) as f64;
        Ok(Some(Scope {
            segments,
            first_dirty,
            uncleanable,
            dirty_ratio,
            is_overdue,
        }))
    }
}

fn is_due(scope: &Scope, config: &LogConfig) -> bool {
    scope.is_overdue || scope.dirty_ratio >= config.min_cleanable_dirty_ratio
}

/// Segments that together are no larger than one may be, so that compaction does not leave ever
/// smaller files.
fn group_by_size(
    segments: &[Arc<Segment>],
    config: &LogConfig,
    uncleanable: Offset,
) -> Vec<Vec<Arc<Segment>>> {
    let mut groups: Vec<Vec<Arc<Segment>>> = Vec::new();
    let mut bytes = 0;
    for (at, segment) in segments.iter().enumerate() {
        let end = segments.get(at + 1).map_or(uncleanable, |next| next.base);
        let fits = groups.last().is_some_and(|group| {
            bytes + segment.size() <= config.segment_bytes
                && group
                    .first()
                    .is_some_and(|first| end - first.base <= i64::from(i32::MAX))
        });
        match groups.last_mut().filter(|_| fits) {
            Some(group) => {
                group.push(Arc::clone(segment));
                bytes += segment.size();
            }
            None => {
                groups.push(vec![Arc::clone(segment)]);
                bytes = segment.size();
            }
        }
    }
    groups
}
