//! The machine of groups behind its shards.

use std::sync::Arc;

use highwater_groups::{
    DropTopicsRequest, DroppedTopic, GroupConfig, GroupShard, Notice, Output, ReplayError, Reply,
    Request, Waiter,
};
use highwater_protocol::ErrorCode;
use highwater_storage::{AppendOrigin, Verification};
use highwater_types::{Now, ProducerId, TopicName, TransactionOutcome};

use super::machine::{Machine, Step, Ticket};
use super::{Coordinator, Shard};
use crate::broker::Broker;
use crate::data::Partition;
use crate::views::GroupView;

/// The topic that holds groups and their offsets.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The groups of this broker.
pub(crate) type GroupCoordinator = Coordinator<GroupShard>;

/// Whether a topic belongs to the coordinator of groups.
pub(crate) fn is_offsets_topic(name: &TopicName) -> bool {
    name.as_str() == OFFSETS_TOPIC
}

impl Machine for GroupShard {
    type Request = Request;
    type Reply = Reply;
    type Job = std::convert::Infallible;
    type ReplayError = ReplayError;

    const TOPIC: &'static str = OFFSETS_TOPIC;
    const CONTENT: &'static str = "groups";

    fn new(broker: &Broker, _: &Partition) -> Self {
        Self::new(group_config(broker))
    }

    fn configure(&mut self, broker: &Broker) {
        self.set_config(group_config(broker));
    }

    fn replay(
        &mut self,
        transaction: Option<ProducerId>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ReplayError> {
        match transaction {
            None => Self::replay(self, key, value),
            Some(producer) => self.replay_in_transaction(producer, key, value),
        }
    }

    fn transaction_ended(&mut self, producer: ProducerId, outcome: TransactionOutcome) {
        Self::transaction_ended(self, producer, outcome);
    }

    fn loaded(&mut self, now: Now) -> Step<Self> {
        Self::loaded(self, now);
        step(Output::default())
    }

    fn handle(&mut self, now: Now, ticket: Ticket, request: Request) -> Step<Self> {
        step(Self::handle(self, now, Waiter(ticket.0), request))
    }

    fn tick(&mut self, now: Now) -> Step<Self> {
        step(Self::tick(self, now))
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        Self::next_deadline_ms(self)
    }

    fn forget(&mut self, now: Now, ticket: Ticket) {
        Self::forget(self, now, Waiter(ticket.0));
    }

    fn ensure_topic(broker: &Arc<Broker>) -> Result<(), ErrorCode> {
        broker.ensure_topic(OFFSETS_TOPIC, Broker::offsets_topic)
    }

    fn durability_timeout_ms(broker: &Broker) -> u64 {
        broker.config().groups.offsets_commit_timeout_ms
    }

    fn begin(_: &Arc<Broker>, _: &Arc<Shard<Self>>, job: Self::Job) {
        match job {}
    }
}

fn step(output: Output) -> Step<GroupShard> {
    for notice in &output.notices {
        log_notice(notice);
    }
    let records = output.records.into_iter();
    let replies = output.replies.into_iter();
    Step {
        records: records.map(|record| (record.key, record.value)).collect(),
        transaction: output.transaction,
        replies: replies
            .map(|(waiter, reply)| (Ticket(waiter.0), reply))
            .collect(),
        jobs: Vec::new(),
    }
}

impl GroupCoordinator {
    /// Deleted topics take their committed offsets with them.
    pub(crate) fn drop_topics(&self, broker: &Arc<Broker>, topics: &[DroppedTopic]) {
        for shard in self.shards() {
            let request = Request::DropTopics(DropTopicsRequest {
                topics: topics.to_vec(),
            });
            // Nobody waits for it: a shard that is not loaded yet will expire them.
            let _ = shard.begin(broker, request);
        }
    }

    /// Carries out a request that writes in a transaction, on the shard of its group; with
    /// `verification` it may open the transaction there.
    pub(crate) async fn call_verified(
        &self,
        broker: &Arc<Broker>,
        group_id: &str,
        request: Request,
        verification: Option<Verification>,
    ) -> Result<Reply, ErrorCode> {
        let shard = self.shard_of(broker, group_id)?;
        let origin =
            verification.map_or(AppendOrigin::Coordinator, AppendOrigin::CoordinatorVerified);
        let answer = shard.begin_as(broker, request, origin)?;
        shard.rearm_if_earlier();
        answer.await
    }

    /// Every group with its state and its committed offsets, for metrics.
    pub(crate) fn views(&self) -> Vec<GroupView> {
        let shards = self.shards();
        let groups = shards
            .iter()
            .flat_map(|shard| shard.state.lock().machine.summaries());
        groups
            .map(|group| GroupView {
                group: group.group_id.to_string(),
                state: group.state.name(),
                members: group.members,
                offsets: group.offsets,
            })
            .collect()
    }
}

/// The limits of groups as the machine wants them.
fn group_config(broker: &Broker) -> GroupConfig {
    let config = broker.config();
    let groups = &config.groups;
    let timeout = |ms: u64| i32::try_from(ms).unwrap_or(i32::MAX);
    GroupConfig {
        session_timeout_ms_min: timeout(groups.session_timeout_ms_min),
        session_timeout_ms_max: timeout(groups.session_timeout_ms_max),
        group_size_max: groups.size_max,
        initial_rebalance_delay_ms: groups.initial_rebalance_delay_ms,
        offset_metadata_len_max: groups.offset_metadata_bytes_max,
        offsets_retention_ms: i64::try_from(
            groups.offsets_retention_minutes.saturating_mul(60_000),
        )
        .unwrap_or(i64::MAX),
        offsets_retention_check_interval_ms: groups.offsets_retention_check_interval_ms,
    }
}

fn log_notice(notice: &Notice) {
    match notice {
        Notice::RebalanceStarted {
            group_id,
            generation,
            reason,
        } => {
            tracing::info!(group = %group_id, generation, reason, "a rebalance began");
        }
        Notice::GenerationStarted {
            group_id,
            generation,
            members,
        } => {
            tracing::info!(group = %group_id, generation, members, "a generation began");
        }
        Notice::MemberRemoved {
            group_id,
            member_id,
            reason,
        } => {
            tracing::info!(group = %group_id, member = %member_id, reason, "a member was removed");
        }
        other => tracing::debug!(notice = ?other, "groups"),
    }
}
