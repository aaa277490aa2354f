//! What one step of a shard asks its driver to do, and the context in which a step decides.

use std::collections::HashMap;

use bytes::Bytes;
use highwater_types::{Now, TransactionalProducer};

use crate::config::GroupConfig;
use crate::ids::{GroupId, MemberId, Waiter};
use crate::replies::Reply;
use crate::timers::{Timer, Timers};

/// One record of `__consumer_offsets`, key and value exactly as they lie there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key, with its type in front.
    pub key: Bytes,
    /// The value, with its version in front; `None` deletes the key.
    pub value: Option<Bytes>,
}

impl Record {
    /// The bytes of key and value.
    pub(crate) fn len(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// What one step asks for, in this order: append the records, replay each of them, and send the
/// replies once the log is durable up to here.
///
/// A reply waits even if its own step has no records: it may tell of what an earlier step wrote.
/// Records may go into several batches, as each prefix of them is a state that a reload can start
/// from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// The records to append; often none.
    pub records: Vec<Record>,
    /// In whose transaction they are appended, in a single batch.
    pub transaction: Option<TransactionalProducer>,
    /// The replies. They may answer other requests than the one of this step.
    pub replies: Vec<(Waiter, Reply)>,
    /// What a person who watches the broker may want to know.
    pub notices: Vec<Notice>,
}

/// Something worth a log line or a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A rebalance began.
    RebalanceStarted {
        /// The group.
        group_id: GroupId,
        /// The generation that ends.
        generation: i32,
        /// Why.
        reason: String,
    },
    /// All members have joined a generation and the leader may assign.
    GenerationStarted {
        /// The group.
        group_id: GroupId,
        /// The generation that begins.
        generation: i32,
        /// How many members it has.
        members: usize,
    },
    /// The leader has assigned: the rebalance is over.
    RebalanceCompleted {
        /// The group.
        group_id: GroupId,
        /// The generation.
        generation: i32,
    },
    /// A member was removed without having asked for it.
    MemberRemoved {
        /// The group.
        group_id: GroupId,
        /// The member.
        member_id: MemberId,
        /// Why.
        reason: &'static str,
    },
    /// Offsets passed their retention.
    OffsetsExpired {
        /// The group.
        group_id: GroupId,
        /// How many.
        offsets: usize,
    },
    /// A group with neither members nor offsets is forgotten.
    GroupRemoved {
        /// The group.
        group_id: GroupId,
    },
}

/// Where each parked request waits, so that a closed connection finds it.
pub(crate) type ParkedRequests = HashMap<Waiter, (GroupId, MemberId)>;

/// Everything that a group needs for one step besides itself.
pub(crate) struct Step<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a GroupConfig,
    pub(crate) timers: &'a mut Timers,
    pub(crate) parked: &'a mut ParkedRequests,
    pub(crate) out: &'a mut Output,
}

impl Step<'_> {
    /// Answers a request, wherever it has been waiting.
    pub(crate) fn reply(&mut self, waiter: Waiter, reply: Reply) {
        self.parked.remove(&waiter);
        self.out.replies.push((waiter, reply));
    }

    /// Sets a deadline, counted from now.
    pub(crate) fn schedule(&mut self, timer: Timer, in_ms: u64) {
        self.timers
            .schedule(timer, self.now.mono_ms.saturating_add(in_ms));
    }
}
