//! What the groups of a shard have deadlines for.

use crate::ids::{GroupId, MemberId};

/// What happens when a deadline passes. There is at most one deadline for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The member has not been heard of for its session timeout.
    Session(GroupId, MemberId),
    /// The group has waited long enough for its members to join.
    Join(GroupId),
    /// The group has waited long enough for its members to fetch their assignments.
    Sync(GroupId),
    /// It is time to look for expired offsets.
    Sweep,
}

impl Timer {
    /// The group that the timer belongs to, if it belongs to one.
    pub(crate) fn group(&self) -> Option<&GroupId> {
        match self {
            Self::Session(group, _) | Self::Join(group) | Self::Sync(group) => Some(group),
            Self::Sweep => None,
        }
    }
}

/// The deadlines of all groups of a shard.
pub(crate) type Timers = highwater_types::Timers<Timer>;
