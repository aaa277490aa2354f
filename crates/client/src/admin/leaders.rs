//! Requests that only the leader of each partition can answer: split by leader, sent at the
//! same time, and the entries that went to the wrong broker asked again.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures_util::future::join_all;
use highwater_types::{BrokerId, TopicPartition};
use tokio::time::{Instant, sleep};

use super::{Admin, Outcome};
use crate::backoff::random;
use crate::code::Verdict as _;
use crate::{AutoCreate, ClientError, Deadline, ErrorCode, Refusal};

/// What one leader said of the partitions it was asked about.
pub(super) type LeaderAnswer<T> = Result<Vec<(TopicPartition, Outcome<T>)>, ClientError>;

impl Admin {
    /// Asks the leaders of `wanted`, with one `send` per leader, until every partition has a
    /// final answer or the deadline passes.
    pub(super) async fn ask_leaders<Q, T, F, Fut>(
        &self,
        deadline: Deadline,
        wanted: BTreeMap<TopicPartition, Q>,
        send: F,
    ) -> Result<BTreeMap<TopicPartition, Outcome<T>>, ClientError>
    where
        Q: Clone,
        F: Fn(BrokerId, Vec<(TopicPartition, Q)>) -> Fut,
        Fut: Future<Output = LeaderAnswer<T>>,
    {
        let started = Instant::now();
        let patience = self.client.options().unknown_topic_patience;
        let mut open = wanted;
        let mut done = BTreeMap::new();
        let mut failures = 0;
        while !open.is_empty() {
            let mut answers = Vec::new();
            let by_leader = self.split_by_leader(deadline, &open, &mut answers).await?;
            let sent = by_leader
                .into_iter()
                .map(|(leader, entries)| send(leader, entries));
            for answer in join_all(sent).await {
                match answer {
                    Ok(entries) => answers.extend(entries),
                    Err(e) if e.is_retriable() => self.client.forget_after(&e),
                    Err(e) => return Err(e),
                }
            }
            let may_be_new = started.elapsed() < patience;
            for (partition, outcome) in answers {
                if !self.is_worth_repeating(&partition, &outcome, may_be_new) {
                    open.remove(&partition);
                    done.insert(partition, outcome);
                }
            }
            if open.is_empty() {
                break;
            }
            failures += 1;
            let wait = self.client.options().backoff.wait(failures, random());
            if wait >= deadline.remaining() {
                return Err(deadline.error("asking the leaders of the partitions", None));
            }
            sleep(wait).await;
        }
        Ok(done)
    }

    /// Groups partitions by leader; those that the metadata refuses go to `answers`.
    async fn split_by_leader<Q: Clone, T>(
        &self,
        deadline: Deadline,
        open: &BTreeMap<TopicPartition, Q>,
        answers: &mut Vec<(TopicPartition, Outcome<T>)>,
    ) -> Result<BTreeMap<BrokerId, Vec<(TopicPartition, Q)>>, ClientError> {
        let names: BTreeSet<_> = open.keys().map(|p| p.topic.clone()).collect();
        let fetch = || self.client.topics(&names, AutoCreate::No);
        let topics = self.client.retrying("Metadata", deadline, fetch).await?;
        let mut by_leader: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (partition, query) in open {
            let topic = topics.get(&partition.topic);
            let refused = match topic.map(|t| (t.code, t.partition(partition.partition))) {
                Some((ErrorCode::NONE, Some(found))) => match found.leader {
                    Some(leader) => {
                        let entry = (partition.clone(), query.clone());
                        by_leader.entry(leader).or_default().push(entry);
                        continue;
                    }
                    None => ErrorCode::LEADER_NOT_AVAILABLE,
                },
                Some((ErrorCode::NONE, None)) | None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                Some((code, _)) => code,
            };
            answers.push((partition.clone(), Err(Refusal::from(refused))));
        }
        Ok(by_leader)
    }

    fn is_worth_repeating<T>(
        &self,
        partition: &TopicPartition,
        outcome: &Outcome<T>,
        may_be_new: bool,
    ) -> bool {
        let Err(refusal) = outcome else { return false };
        if refusal.code.is_stale_metadata() {
            self.client.forget_topic(&partition.topic);
        }
        match refusal.code {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => may_be_new,
            code => code.is_retriable(),
        }
    }
}

/// Entries by topic, as most requests want them.
pub(super) fn by_topic<Q>(
    entries: Vec<(TopicPartition, Q)>,
) -> BTreeMap<highwater_types::TopicName, Vec<(i32, Q)>> {
    let mut topics: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (partition, query) in entries {
        topics
            .entry(partition.topic)
            .or_default()
            .push((partition.partition.get(), query));
    }
    topics
}

/// A partition as an answer names it.
pub(super) fn named_partition(topic: &str, index: i32) -> Result<TopicPartition, ClientError> {
    let topic = highwater_types::TopicName::new(topic)?;
    Ok(TopicPartition::new(
        topic,
        highwater_types::PartitionIndex(index),
    ))
}
