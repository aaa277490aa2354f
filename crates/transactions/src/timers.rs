//! What the transactional ids of a shard have deadlines for.

use crate::ids::TransactionalId;

/// What happens when a deadline passes. There is at most one deadline for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The transaction has been open for as long as its producer allowed.
    Timeout(TransactionalId),
    /// A transaction without partitions was found whose end is decided: nothing is left to do
    /// for it but to say so in the log.
    Complete(TransactionalId),
    /// It is time to look for expired transactional ids.
    Sweep,
}

/// The deadlines of all transactional ids of a shard.
pub(crate) type Timers = highwater_types::Timers<Timer>;
