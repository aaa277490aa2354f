//! Many transactional ids and large transactions: what one step does is bounded.

use std::collections::BTreeSet;

use highwater_types::{LeaderEpoch, Now, PartitionIndex, ProducerId, TopicName, TopicPartition};

use crate::shard::TICK_RECORDS_MAX;
use crate::*;

const WALL_MS: i64 = 1_000_000;

fn at(mono_ms: u64) -> Context {
    Context {
        now: Now::at(mono_ms, WALL_MS + mono_ms as i64),
        spare: Some(ProducerId(5)),
    }
}

fn replay(shard: &mut TransactionShard, output: &Output) {
    for record in &output.records {
        shard.replay(&record.key, record.value.as_deref()).unwrap();
    }
}

fn step(shard: &mut TransactionShard, request: Request) -> Output {
    let output = shard.handle(at(0), Waiter(0), request);
    replay(shard, &output);
    output
}

fn partitions(count: i32) -> Vec<TopicPartition> {
    let topic = TopicName::new("t").unwrap();
    let of_topic = |index| TopicPartition::new(topic.clone(), PartitionIndex(index));
    (0..count).map(of_topic).collect()
}

/// A shard with so many open transactions, each with so many partitions.
fn shard_of(ids: usize, partition_count: i32) -> TransactionShard {
    let mut shard = TransactionShard::new(TransactionConfig::default(), LeaderEpoch(0));
    shard.loaded(at(0).now);
    for nth in 0..ids {
        let transactional_id = TransactionalId::from(format!("tx-{nth:05}"));
        let output = step(
            &mut shard,
            Request::InitProducerId(InitProducerIdRequest {
                transactional_id: transactional_id.clone(),
                timeout_ms: 60_000,
                expected: None,
            }),
        );
        let [(_, Reply::InitProducerId(Ok(producer)))] = output.replies[..] else {
            panic!("{:?}", output.replies);
        };
        step(
            &mut shard,
            Request::AddPartitions(AddPartitionsRequest {
                transactional_id,
                producer,
                partitions: partitions(partition_count),
                mode: AddMode::Add,
                client_version: TransactionVersion::TV_2,
            }),
        );
    }
    shard
}

/// Ticks until nothing is due; the records and jobs of each tick.
fn ticks(shard: &mut TransactionShard, mono_ms: u64) -> Vec<(usize, usize)> {
    let mut counts = Vec::new();
    while shard
        .next_deadline_ms()
        .is_some_and(|due_ms| due_ms <= mono_ms)
    {
        let output = shard.tick(at(mono_ms));
        replay(shard, &output);
        counts.push((output.records.len(), output.jobs.len()));
    }
    counts
}

#[test]
fn many_timeouts_of_one_moment_are_taken_in_portions() {
    let mut shard = shard_of(2_500, 1);
    let counts = ticks(&mut shard, 60_000);
    assert_eq!(counts, [(1_000, 1_000), (1_000, 1_000), (500, 500)]);
    assert_eq!(shard.stats().prepare_abort, 2_500);
}

#[test]
fn timeouts_of_large_transactions_are_taken_a_few_at_a_time() {
    let mut shard = shard_of(8, 100_000);
    let counts = ticks(&mut shard, 60_000);
    assert_eq!(counts, [(3, 3), (3, 3), (2, 2)]);
    let mut reloaded = TransactionShard::new(TransactionConfig::default(), LeaderEpoch(0));
    let output = shard.tick(at(60_000));
    assert_eq!(output, Output::default());
    for (id, transaction) in &shard.transactions {
        let mut output = Output::default();
        shard.write(id, &transaction.value, &mut output);
        replay(&mut reloaded, &output);
    }
    let jobs = reloaded.loaded(at(60_000).now).jobs;
    let markers: usize = jobs.iter().map(|job| job.partitions.len()).sum();
    assert_eq!(markers, 800_000);
}

#[test]
fn a_large_transaction_is_marked_in_any_portions() {
    let mut shard = shard_of(1, 100_000);
    let [job] = &shard.tick(at(60_000)).jobs[..] else {
        panic!("no job");
    };
    let job = job.clone();
    let mut shard = shard_of(1, 100_000);
    let output = shard.tick(at(60_000));
    replay(&mut shard, &output);
    let all = partitions(100_000);
    let mut completions = 0;
    for portion in all.chunks(999) {
        let output = shard.markers_written(at(60_001).now, &job.transaction, portion);
        replay(&mut shard, &output);
        completions += output.records.len();
    }
    assert_eq!((completions, shard.stats().complete_abort), (1, 1));
}

#[test]
fn many_expired_ids_are_forgotten_in_portions() {
    let mut shard = shard_of(2_500, 0);
    for nth in 0..2_500 {
        let transactional_id = TransactionalId::from(format!("tx-{nth:05}"));
        let producer = shard.transactions[&transactional_id].value.producer;
        step(
            &mut shard,
            Request::End(EndRequest {
                transactional_id,
                producer,
                result: TransactionResult::Commit,
                client_version: TransactionVersion::TV_2,
            }),
        );
    }
    assert_eq!(shard.stats().complete_commit, 2_500);
    let week_ms = 7 * 24 * 3_600_000;
    let mut forgotten = BTreeSet::new();
    let mut mono_ms = week_ms + 1;
    while forgotten.len() < 2_500 {
        let output = shard.tick(at(mono_ms));
        assert!(output.records.len() <= TICK_RECORDS_MAX);
        replay(&mut shard, &output);
        forgotten.extend(output.records.into_iter().map(|record| record.key));
        mono_ms = shard.next_deadline_ms().unwrap();
    }
    assert!(mono_ms <= week_ms + 2 * 3_600_000, "{mono_ms}");
    assert_eq!(shard.stats(), ShardStats::default());
}
