//! Offsets that nobody has needed for the retention time, and groups that nothing is left of
//! (KIP-211).
//!
//! The search goes through all groups in small slices, so that it neither holds up requests nor
//! makes a batch of records that is too large for the log.

use std::collections::BTreeMap;
use std::ops::Bound;

use highwater_types::{Now, TrustedClock};

use crate::classic::OffsetRetention;
use crate::config::GroupConfig;
use crate::ids::GroupId;
use crate::output::{Notice, Output};
use crate::records::OffsetCommitValue;
use crate::shard::{Group, Membership, TICK_RECORDS_MAX};

/// How many offsets one slice looks at, beyond the last group it begins.
const SLICE_OFFSETS_MAX: usize = 20_000;

/// How far the search has come; from the first group if `None`.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    done_to: Option<GroupId>,
    /// A wall clock that has jumped ahead makes nothing older.
    clock: TrustedClock,
}

impl Sweep {
    /// Looks through one slice and says in how many milliseconds to go on.
    pub(crate) fn run(
        &mut self,
        now: Now,
        config: &GroupConfig,
        groups: &BTreeMap<GroupId, Group>,
        out: &mut Output,
    ) -> u64 {
        let from = match self.done_to.take() {
            Some(id) => Bound::Excluded(id),
            None => Bound::Unbounded,
        };
        let wall_ms = self.clock.wall_ms(now);
        let mut looked_at = 0;
        for (id, group) in groups.range((from, Bound::Unbounded)) {
            expire(wall_ms, config, id, group, out);
            looked_at += 1 + group.offsets.len();
            if looked_at >= SLICE_OFFSETS_MAX || out.records.len() >= TICK_RECORDS_MAX {
                self.done_to = Some(id.clone());
                return 1;
            }
        }
        config.offsets_retention_check_interval_ms.max(1)
    }
}

/// Decides the records that forget what has expired in one group, and the group if nothing is
/// left.
fn expire(wall_ms: i64, config: &GroupConfig, id: &GroupId, group: &Group, out: &mut Output) {
    let Membership::Classic(classic) = &group.membership;
    let retention = classic.offset_retention();
    // Kafka takes the moment alone at which the group became empty, and so forgets overnight what a
    // client without a group commits to one that was left long ago; a commit keeps its own time.
    let since_ms = |value: &OffsetCommitValue| match retention {
        OffsetRetention::SinceMs(since_ms) => since_ms.max(value.commit_timestamp_ms),
        OffsetRetention::SinceCommit | OffsetRetention::Kept => value.commit_timestamp_ms,
    };
    let is_expired = |value: &OffsetCommitValue| match value.expire_timestamp_ms {
        _ if retention == OffsetRetention::Kept => false,
        Some(expire_timestamp_ms) => wall_ms >= expire_timestamp_ms,
        None => wall_ms.saturating_sub(since_ms(value)) >= config.offsets_retention_ms,
    };
    let records = out.records.len();
    let kept = group.offsets.tombstones(
        id,
        |topic, value| is_expired(value) && !classic.is_subscribed_to(topic.as_str()),
        &mut out.records,
    );
    let expired = out.records.len() - records;
    if expired > 0 {
        out.notices.push(Notice::OffsetsExpired {
            group_id: id.clone(),
            offsets: expired,
        });
    }
    if kept == 0 && classic.is_abandoned() {
        out.records.push(classic.tombstone());
        out.notices.push(Notice::GroupRemoved {
            group_id: id.clone(),
        });
    }
}
