//! Logs that something else wrote: whatever they say, a shard goes on from it.

use highwater_types::{LeaderEpoch, Now, ProducerEpoch, ProducerId};
use proptest::prelude::*;

use crate::records::tests::any_value;
use crate::records::{RecordKey, TransactionValue};
use crate::*;

fn context(wall_ms: i64) -> Context {
    Context {
        now: Now::at(1 << 40, wall_ms),
        spare: Some(ProducerId(5)),
    }
}

/// What a shard writes itself it must be able to read.
fn replay(shard: &mut TransactionShard, output: &Output) {
    for record in &output.records {
        shard.replay(&record.key, record.value.as_deref()).unwrap();
    }
}

/// What a client could ask that knows the producer, or one close to it.
fn requests(producer: Producer, client_version: TransactionVersion) -> Vec<Request> {
    let transactional_id = TransactionalId::from("tx");
    let end = |result| {
        Request::End(EndRequest {
            transactional_id: transactional_id.clone(),
            producer,
            result,
            client_version,
        })
    };
    let init = |expected| {
        Request::InitProducerId(InitProducerIdRequest {
            transactional_id: transactional_id.clone(),
            timeout_ms: 1_000,
            expected,
        })
    };
    let add = Request::AddPartitions(AddPartitionsRequest {
        transactional_id: transactional_id.clone(),
        producer,
        partitions: Vec::new(),
        mode: AddMode::Add,
        client_version,
    });
    let list = Request::List(ListRequest {
        running_longer_than_ms: Some(0),
        ..ListRequest::default()
    });
    vec![
        init(Some(producer)),
        end(TransactionResult::Commit),
        add,
        end(TransactionResult::Abort),
        list,
        init(None),
    ]
}

fn live_with(value: &TransactionValue, wall_ms: i64, shift: i16, client: i16) {
    let mut shard = TransactionShard::new(TransactionConfig::default(), LeaderEpoch(0));
    let key = RecordKey::encode(&"tx".into());
    let bytes = value.encode(TransactionVersion::TV_1);
    let replayed = shard.replay(&key, Some(&bytes));
    let is_fencing = value.state == TransactionState::PrepareEpochFence;
    assert_eq!(replayed.is_err(), is_fencing);
    let shown = Producer {
        id: value.producer.id,
        epoch: ProducerEpoch(value.producer.epoch.get().wrapping_add(shift)),
    };
    let output = shard.loaded(context(wall_ms).now);
    replay(&mut shard, &output);
    let mut jobs = output.jobs;
    for request in requests(shown, TransactionVersion(client)) {
        let output = shard.handle(context(wall_ms), Waiter(0), request);
        replay(&mut shard, &output);
        jobs.extend(output.jobs);
        let output = shard.tick(context(wall_ms));
        replay(&mut shard, &output);
        jobs.extend(output.jobs);
        for job in &jobs {
            let partitions: Vec<_> = job.partitions.iter().collect();
            let now = context(wall_ms).now;
            let output = shard.markers_written(now, &job.transaction, &partitions);
            replay(&mut shard, &output);
        }
    }
    let stats = shard.stats();
    assert_eq!(stats.missing_markers, 0, "{stats:?}");
}

proptest! {
    #[test]
    fn a_shard_goes_on_from_whatever_a_log_says(
        value in any_value(),
        wall_ms in prop_oneof![Just(1_700_000_000_000_i64), any::<i64>()],
        shift in -2..3_i16,
        client in 0..3_i16,
    ) {
        live_with(&value, wall_ms, shift, client);
    }
}
