//! Reading records: from partitions that the caller assigns, or as a member of a classic group.
//!
//! The consumer does its work inside [`Consumer::poll`]; only heartbeats have a task of their
//! own. Fetches that are under way when `poll` returns go on, and the next call finds them.

mod fetch;
mod membership;
mod range;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use highwater_records::TimestampType;
use highwater_types::{BrokerId, LeaderEpoch, Offset, TopicPartition};
use tokio::time::{Instant, sleep_until};

use crate::backoff::random;
use crate::{
    Admin, AutoCreate, Client, ClientError, Deadline, ErrorCode, IsolationLevel, OffsetSpec,
    OffsetToCommit, RecordHeader,
};
use fetch::{FetchedPartition, Wanted};
use membership::Membership;

pub use membership::GroupOptions;

/// Where to start when there is no offset, or one that the log does not reach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// Nowhere: that is an error.
    Fail,
}

/// The settings of a [`Consumer`].
#[derive(Clone, Debug)]
pub struct ConsumerOptions {
    /// What the reader may see.
    pub isolation: IsolationLevel,
    /// How long a broker may wait for data.
    pub fetch_wait: Duration,
    /// How much data a broker should wait for.
    pub fetch_bytes_min: i32,
    /// How much data one answer may carry.
    pub fetch_bytes_max: i32,
    /// How much data of one partition one answer may carry.
    pub partition_bytes_max: i32,
    /// What to do without a usable offset.
    pub offset_reset: OffsetReset,
}

impl Default for ConsumerOptions {
    fn default() -> Self {
        Self {
            isolation: IsolationLevel::ReadUncommitted,
            fetch_wait: Duration::from_millis(500),
            fetch_bytes_min: 1,
            fetch_bytes_max: 50 * 1024 * 1024,
            partition_bytes_max: 1024 * 1024,
            offset_reset: OffsetReset::Earliest,
        }
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// Where it is.
    pub partition: TopicPartition,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Whose clock that was.
    pub timestamp_type: TimestampType,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; none is a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in order and with duplicates.
    pub headers: Vec<RecordHeader>,
}

/// Where a consumer stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    next: Offset,
    leader_epoch: LeaderEpoch,
    /// Where reading would end now, as the last answer said.
    end: Option<Offset>,
    /// Not before this moment, after an error.
    not_before: Option<Instant>,
    failures: u32,
}

impl Position {
    fn at(next: Offset) -> Self {
        let leader_epoch = LeaderEpoch::UNKNOWN;
        Self {
            next,
            leader_epoch,
            end: None,
            not_before: None,
            failures: 0,
        }
    }
}

struct FetchDone {
    leader: BrokerId,
    wanted: Vec<Wanted>,
    answer: Result<Vec<FetchedPartition>, ClientError>,
}

type Fetching = Pin<Box<dyn Future<Output = FetchDone> + Send>>;

/// A consumer. A member of a group should have a [`Client`] of its own, because a join holds up
/// whatever shares its connection.
pub struct Consumer {
    client: Client,
    admin: Admin,
    options: ConsumerOptions,
    positions: BTreeMap<TopicPartition, Position>,
    fetching: FuturesUnordered<Fetching>,
    busy: HashSet<BrokerId>,
    membership: Option<Membership>,
}

impl Consumer {
    /// A consumer without partitions.
    pub fn new(client: Client, options: ConsumerOptions) -> Self {
        Self {
            admin: Admin::new(client.clone()),
            client,
            options,
            positions: BTreeMap::new(),
            fetching: FuturesUnordered::new(),
            busy: HashSet::new(),
            membership: None,
        }
    }

    /// A consumer that joins a group when it is first polled.
    pub fn in_group(client: Client, options: ConsumerOptions, group: GroupOptions) -> Self {
        let membership = Membership::new(client.clone(), group);
        Self {
            membership: Some(membership),
            ..Self::new(client, options)
        }
    }

    /// Reads these partitions from these offsets, instead of what was read before.
    pub fn assign(&mut self, positions: BTreeMap<TopicPartition, Offset>) {
        self.positions = positions
            .into_iter()
            .map(|(partition, next)| (partition, Position::at(next)))
            .collect();
    }

    /// The partitions that are read, with the next offset of each.
    pub fn positions(&self) -> BTreeMap<TopicPartition, Offset> {
        self.positions
            .iter()
            .map(|(partition, p)| (partition.clone(), p.next))
            .collect()
    }

    /// Where reading would have ended at the last answer; `None` before there was one.
    pub fn end_of(&self, partition: &TopicPartition) -> Option<Offset> {
        self.positions.get(partition)?.end
    }

    /// Stops reading a partition.
    pub fn unassign(&mut self, partition: &TopicPartition) {
        self.positions.remove(partition);
    }

    /// Waits at most `limit` for records and gives those that came, in order per partition.
    ///
    /// Joining a group takes as long as the group takes to come together, whatever the limit.
    pub async fn poll(&mut self, limit: Duration) -> Result<Vec<ConsumedRecord>, ClientError> {
        let end = Instant::now() + limit;
        loop {
            self.follow_group().await?;
            self.start_fetches().await?;
            let mut wake = end;
            let waits = self
                .positions
                .values()
                .filter_map(|position| position.not_before);
            if let Some(first) = waits.min() {
                wake = wake.min(first);
            }
            let rebalance = async {
                match &self.membership {
                    Some(membership) => membership.rebalance_wanted().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some(done) = self.fetching.next() => {
                    let records = self.take_in(done).await?;
                    if !records.is_empty() {
                        return Ok(records);
                    }
                }
                () = rebalance => {}
                () = sleep_until(wake) => {}
            }
            if Instant::now() >= end {
                return Ok(Vec::new());
            }
        }
    }

    /// Commits where the consumer stands: the next poll's records are not included.
    pub async fn commit(&self) -> Result<(), ClientError> {
        let offsets = self.positions.iter().map(|(partition, position)| {
            let commit = OffsetToCommit {
                leader_epoch: position.leader_epoch,
                ..OffsetToCommit::from(position.next)
            };
            (partition.clone(), commit)
        });
        self.commit_offsets(&offsets.collect()).await
    }

    /// Commits these offsets for the group.
    pub async fn commit_offsets(
        &self,
        offsets: &BTreeMap<TopicPartition, OffsetToCommit>,
    ) -> Result<(), ClientError> {
        let Some(membership) = &self.membership else {
            return Err(ClientError::Invalid(
                "only a member of a group can commit".to_owned(),
            ));
        };
        if offsets.is_empty() {
            return Ok(());
        }
        let (group, committer) = (membership.group(), membership.committer());
        for (partition, outcome) in self
            .admin
            .commit_offsets(group, &committer, offsets)
            .await?
        {
            outcome.map_err(|e| ClientError::refused(format!("commit of {partition}"), e))?;
        }
        Ok(())
    }

    /// Leaves the group, if there is one. Nothing is committed.
    pub async fn close(mut self) -> Result<(), ClientError> {
        match self.membership.take() {
            Some(membership) => membership.leave().await,
            None => Ok(()),
        }
    }

    /// Joins or rejoins the group if need be, and takes over what it assigns.
    async fn follow_group(&mut self) -> Result<(), ClientError> {
        let Some(membership) = &mut self.membership else {
            return Ok(());
        };
        if membership.is_settled() {
            return Ok(());
        }
        let kept = std::mem::take(&mut self.positions);
        let assigned = membership.join(&self.admin).await?;
        let group = membership.group().to_owned();
        let committed = self.admin.stable_group_offsets(&group).await?;
        let mut homeless = Vec::new();
        for partition in assigned {
            let known = committed.get(&partition).map(|commit| commit.offset);
            // What was read and not committed would be read twice without this.
            let read = kept.get(&partition).map(|position| position.next);
            match known.into_iter().chain(read).max() {
                Some(next) => {
                    self.positions.insert(partition, Position::at(next));
                }
                None => homeless.push(partition),
            }
        }
        self.reset(homeless).await
    }

    /// Finds a starting point for partitions that have none.
    async fn reset(&mut self, partitions: Vec<TopicPartition>) -> Result<(), ClientError> {
        if partitions.is_empty() {
            return Ok(());
        }
        let spec = match self.options.offset_reset {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest => OffsetSpec::Latest,
            OffsetReset::Fail => {
                let what = format!("no offset to read {} from", partitions[0]);
                return Err(ClientError::refused(what, ErrorCode::OFFSET_OUT_OF_RANGE));
            }
        };
        let wanted = partitions
            .into_iter()
            .map(|partition| (partition, spec))
            .collect();
        for (partition, outcome) in self
            .admin
            .list_offsets(wanted, self.options.isolation)
            .await?
        {
            let found =
                outcome.map_err(|e| ClientError::refused(format!("offsets of {partition}"), e))?;
            let next = found.offset.unwrap_or(Offset::ZERO);
            self.positions.insert(partition, Position::at(next));
        }
        Ok(())
    }

    /// Starts a fetch at every leader that has partitions of ours and is not answering one.
    async fn start_fetches(&mut self) -> Result<(), ClientError> {
        let now = Instant::now();
        let names: BTreeSet<_> = self.positions.keys().map(|p| p.topic.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let deadline = self.client.deadline();
        let fetch = || self.client.topics(&names, AutoCreate::No);
        let topics = self.client.retrying("Metadata", deadline, fetch).await?;
        let mut by_leader: BTreeMap<BrokerId, Vec<Wanted>> = BTreeMap::new();
        for (partition, position) in &mut self.positions {
            if position.not_before.is_some_and(|moment| moment > now) {
                continue;
            }
            position.not_before = None;
            let topic = topics.get(&partition.topic);
            let leader = topic.and_then(|t| t.partition(partition.partition)?.leader);
            let Some((topic, leader)) = topic.zip(leader) else {
                self.client.forget_topic(&partition.topic);
                back_off(position, &self.client);
                continue;
            };
            let wanted = Wanted {
                partition: partition.clone(),
                topic_id: topic.id,
                offset: position.next,
            };
            by_leader.entry(leader).or_default().push(wanted);
        }
        for (leader, wanted) in by_leader {
            if self.busy.insert(leader) {
                let (client, options) = (self.client.clone(), self.options.clone());
                self.fetching.push(Box::pin(async move {
                    let answer = fetch::fetch(&client, &options, leader, &wanted).await;
                    FetchDone {
                        leader,
                        wanted,
                        answer,
                    }
                }));
            }
        }
        Ok(())
    }

    async fn take_in(&mut self, done: FetchDone) -> Result<Vec<ConsumedRecord>, ClientError> {
        self.busy.remove(&done.leader);
        let answer = match done.answer {
            Ok(answer) => answer,
            Err(e) if e.is_retriable() || matches!(e, ClientError::TimedOut { .. }) => {
                self.client.forget_after(&e);
                for wanted in &done.wanted {
                    if let Some(position) = self.positions.get_mut(&wanted.partition) {
                        back_off(position, &self.client);
                    }
                }
                return Ok(Vec::new());
            }
            Err(e) => return Err(e),
        };
        let mut records = Vec::new();
        let mut lost = Vec::new();
        for fetched in answer {
            let Some(position) = self.positions.get_mut(&fetched.partition) else {
                continue;
            };
            // The partition was reassigned while the broker was answering.
            if position.next != fetched.offset {
                continue;
            }
            match fetched.outcome {
                Ok(data) => {
                    position.failures = 0;
                    position.next = data.next;
                    position.end = Some(data.end);
                    if let Some(last) = data.records.last() {
                        position.leader_epoch = last.leader_epoch;
                    }
                    records.extend(data.records);
                }
                Err(refusal) if refusal.code == ErrorCode::OFFSET_OUT_OF_RANGE => {
                    lost.push(fetched.partition);
                }
                // Damage on a disk stays: whoever waited for it to pass would wait for ever.
                Err(refusal)
                    if refusal.code.is_retriable()
                        && refusal.code != ErrorCode::CORRUPT_MESSAGE =>
                {
                    self.client.forget_topic(&fetched.partition.topic);
                    back_off(position, &self.client);
                }
                Err(refusal) => {
                    let (partition, offset) = (&fetched.partition, position.next);
                    let what = format!("fetch of {partition} at offset {offset}");
                    return Err(ClientError::refused(what, refusal));
                }
            }
        }
        self.reset(lost).await?;
        Ok(records)
    }
}

fn back_off(position: &mut Position, client: &Client) {
    position.failures += 1;
    let wait = client.options().backoff.wait(position.failures, random());
    position.not_before = Some(Instant::now() + wait);
}

/// A deadline for joining: the group may take as long as it lets its members take.
fn join_deadline(group: &GroupOptions) -> Deadline {
    Deadline::after(group.rebalance_timeout + group.session_timeout)
}
