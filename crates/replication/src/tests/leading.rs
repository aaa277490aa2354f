//! Properties of a leader, whatever its followers report.

use highwater_types::{BrokerId, LeaderEpoch, Now, Offset};
use proptest::prelude::*;

use crate::{
    Durability, Effect, Effects, EpochLineage, FollowerFetch, LogEnds, PartitionState, Replica,
    ReplicaSettings,
};

#[derive(Clone, Debug)]
enum Step {
    Append(i64),
    Flush,
    Fetch {
        follower: i32,
        behind: i64,
        unflushed: i64,
    },
    Wait(u64),
    Confirm,
    Refuse,
    Elect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..5_i64).prop_map(Step::Append),
        3 => Just(Step::Flush),
        5 => (2..4_i32, 0..6_i64, 0..6_i64).prop_map(|(follower, behind, unflushed)| Step::Fetch {
            follower,
            behind,
            unflushed,
        }),
        1 => (1..40_u64).prop_map(Step::Wait),
        2 => Just(Step::Confirm),
        1 => Just(Step::Refuse),
        1 => Just(Step::Elect),
    ]
}

/// The leader under test, and what it has been told, as the rules see it.
struct Model {
    replica: Replica,
    durability: Durability,
    now: Now,
    state: PartitionState,
    /// What each follower has last reported in this epoch as held.
    reported: [i64; 4],
}

impl Model {
    fn new(durability: Durability) -> Self {
        let ends = LogEnds {
            log_start: Offset(0),
            log_end: Offset(0),
            flushed_end: Offset(0),
        };
        let settings = ReplicaSettings {
            durability,
            min_insync_replicas: 2,
            replica_lag_ms_max: 30,
        };
        let state = PartitionState {
            leader: BrokerId(1),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            replicas: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
            isr: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
        };
        let lineage = EpochLineage::new();
        let mut replica = Replica::new(BrokerId(1), ends, Offset(0), lineage, settings);
        let now = Now::at(0, 0);
        replica.become_leader(now, state.clone()).unwrap();
        Self {
            replica,
            durability,
            now,
            state,
            reported: [-1; 4],
        }
    }

    fn perform(&mut self, step: &Step) -> Effects {
        match step {
            Step::Append(records) => {
                let end = self.replica.log_end() + *records;
                self.replica
                    .appended(end)
                    .map(Effect::HighWatermark)
                    .into_iter()
                    .collect()
            }
            Step::Flush => {
                let end = self.replica.log_end();
                self.replica
                    .flushed(end)
                    .map(Effect::HighWatermark)
                    .into_iter()
                    .collect()
            }
            Step::Fetch {
                follower,
                behind,
                unflushed,
            } => {
                let log_end = (self.replica.log_end().get() - behind).max(0);
                let flushed_end = (log_end - unflushed).max(0);
                self.reported[*follower as usize] = match self.durability {
                    Durability::Fsync => flushed_end,
                    Durability::Replicated => log_end,
                };
                let fetch = FollowerFetch {
                    log_start: Offset(0),
                    log_end: Offset(log_end),
                    flushed_end: Some(Offset(flushed_end)),
                    leader_epoch: Some(self.state.leader_epoch),
                };
                self.replica
                    .follower_fetched(self.now, BrokerId(*follower), fetch)
                    .unwrap()
            }
            Step::Wait(ms) => {
                self.now.mono_ms += ms;
                self.replica.tick(self.now)
            }
            Step::Confirm => {
                let Some(proposal) = self.replica.pending_proposal().cloned() else {
                    return Effects::new();
                };
                self.state.isr = proposal.isr;
                self.state.partition_epoch += 1;
                self.replica
                    .become_leader(self.now, self.state.clone())
                    .unwrap()
            }
            Step::Refuse => self.replica.proposal_refused(),
            Step::Elect => {
                self.state.leader_epoch = LeaderEpoch(self.state.leader_epoch.get() + 1);
                self.state.partition_epoch += 1;
                self.reported = [-1; 4];
                self.replica
                    .become_leader(self.now, self.state.clone())
                    .unwrap()
            }
        }
    }

    /// The furthest the high watermark may be, by the confirmed in-sync set alone.
    fn allowed(&self) -> i64 {
        let ends = self.replica.ends();
        let local = match self.durability {
            Durability::Fsync => ends.flushed_end,
            Durability::Replicated => ends.log_end,
        };
        let followers = self.state.isr.iter().filter(|id| id.get() != 1);
        followers
            .map(|id| self.reported[id.get() as usize])
            .fold(local.get(), i64::min)
    }
}

proptest! {
    #[test]
    fn the_high_watermark_never_goes_back_and_moves_only_to_what_all_members_hold(
        replicated in any::<bool>(),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let durability =
            if replicated { Durability::Replicated } else { Durability::Fsync };
        let mut model = Model::new(durability);
        for step in steps {
            let before = model.replica.high_watermark();
            let effects = model.perform(&step);
            let after = model.replica.high_watermark();
            prop_assert!(after >= before, "{:?} took it back", step);
            if after > before {
                prop_assert!(after.get() <= model.allowed(), "{:?} moved it to {}", step, after);
                prop_assert!(model.state.isr.len() >= 2, "{:?} moved it under min ISR", step);
                prop_assert!(effects.contains(&Effect::HighWatermark(after)));
            } else {
                prop_assert!(!effects.iter().any(|e| matches!(e, Effect::HighWatermark(_))));
            }
            prop_assert!(model.replica.flushed_end() <= model.replica.log_end());
            prop_assert!(after <= model.replica.log_end());
        }
    }
}
