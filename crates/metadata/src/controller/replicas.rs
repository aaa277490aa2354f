//! Changing who is in sync, at the word of a partition's leader, and ending reassignments whose
//! new replicas have come into sync.

use std::collections::BTreeSet;

use highwater_types::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

use super::elections::clean_leader;
use super::{Controller, Decision};
use crate::{BrokerList, MetadataRecord, PartitionChange, PartitionImage};

/// What a leader proposes (AlterPartition).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsrChange {
    /// Who proposes.
    pub broker: BrokerId,
    /// In which registration.
    pub broker_epoch: i64,
    /// The topic.
    pub topic: TopicId,
    /// The partition.
    pub partition: PartitionIndex,
    /// In which epoch it leads.
    pub leader_epoch: LeaderEpoch,
    /// The state that it has before it.
    pub partition_epoch: i32,
    /// The replicas that are in sync.
    pub isr: Vec<BrokerId>,
}

/// Why a leader's proposal is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterPartitionError {
    /// There is no such broker, or it has registered anew.
    #[error("broker {0} is not registered with this epoch")]
    StaleBrokerEpoch(BrokerId),
    /// There is no such topic.
    #[error("topic id {0} does not exist")]
    UnknownTopicId(TopicId),
    /// There is no such partition.
    #[error("partition {0} does not exist")]
    UnknownPartition(PartitionIndex),
    /// There has been an election since.
    #[error("leader epoch {given} is older than the current {current}")]
    FencedLeaderEpoch {
        /// What the proposal says.
        given: LeaderEpoch,
        /// What is known here.
        current: LeaderEpoch,
    },
    /// The proposal speaks of a state that is not known here, so this controller is not the
    /// one it is meant for.
    #[error("the proposal is newer than what this controller knows")]
    NewerState,
    /// The state has changed since.
    #[error("partition epoch {given} is older than the current {current}")]
    StalePartitionEpoch {
        /// What the proposal says.
        given: i32,
        /// What is known here.
        current: i32,
    },
    /// A proposal that makes no sense.
    #[error("{0}")]
    InvalidProposal(&'static str),
    /// A broker that does not take part cannot be in sync.
    #[error("broker {0} is fenced or shutting down")]
    IneligibleReplica(BrokerId),
}

impl Controller<'_> {
    /// Decides about a proposal; the response is the partition as it will be. If it makes the
    /// new replicas of a reassignment complete, the reassignment ends with it.
    pub fn alter_partition(
        &self,
        proposal: &IsrChange,
    ) -> Result<Decision<PartitionImage>, AlterPartitionError> {
        let known = self.image.broker(proposal.broker);
        if known.is_none_or(|broker| broker.broker_epoch != proposal.broker_epoch) {
            return Err(AlterPartitionError::StaleBrokerEpoch(proposal.broker));
        }
        let image = self
            .image
            .topic_by_id(proposal.topic)
            .ok_or(AlterPartitionError::UnknownTopicId(proposal.topic))?
            .partition(proposal.partition)
            .ok_or(AlterPartitionError::UnknownPartition(proposal.partition))?;
        check_epochs(proposal, image)?;
        self.check_isr(proposal, image)?;
        let mut change = PartitionChange::new(proposal.topic, proposal.partition);
        let isr = BrokerList::from(&proposal.isr[..]);
        if isr != image.isr {
            change.isr = Some(isr.clone());
        }
        self.complete_reassignment(image, &isr, &mut change);
        Ok(decide(image, change))
    }

    fn check_isr(
        &self,
        proposal: &IsrChange,
        image: &PartitionImage,
    ) -> Result<(), AlterPartitionError> {
        let distinct: BTreeSet<&BrokerId> = proposal.isr.iter().collect();
        if distinct.len() != proposal.isr.len() {
            return Err(AlterPartitionError::InvalidProposal(
                "a replica is named twice",
            ));
        }
        if !distinct.contains(&proposal.broker) {
            return Err(AlterPartitionError::InvalidProposal(
                "the leader must be in sync",
            ));
        }
        for broker in &proposal.isr {
            if !image.replicas.contains(broker) {
                return Err(AlterPartitionError::InvalidProposal(
                    "not a replica is in sync",
                ));
            }
            if !image.isr.contains(broker) && !self.image.is_active(*broker) {
                return Err(AlterPartitionError::IneligibleReplica(*broker));
            }
        }
        Ok(())
    }

    /// Ends a reassignment in `change` if every replica that it adds is in sync, and one that it
    /// keeps.
    pub(super) fn complete_reassignment(
        &self,
        image: &PartitionImage,
        isr: &[BrokerId],
        change: &mut PartitionChange,
    ) {
        let Some(reassignment) = image.reassignment() else {
            return;
        };
        let keeps = |broker: &BrokerId| !reassignment.removing.contains(broker);
        let remaining: BrokerList = isr.iter().copied().filter(keeps).collect();
        let all_added = reassignment
            .adding
            .iter()
            .all(|broker| isr.contains(broker));
        let mut after = image.clone();
        after.isr = remaining.clone();
        let leader = clean_leader(&after, |broker| self.image.is_active(broker));
        let (true, Some(leader)) = (all_added, leader) else {
            return;
        };
        change.replicas = Some(image.replicas.iter().copied().filter(keeps).collect());
        change.isr = Some(remaining);
        change.adding = Some(BrokerList::new());
        change.removing = Some(BrokerList::new());
        if !keeps(&image.leader) {
            change.leader = Some(leader);
        }
    }
}

fn check_epochs(proposal: &IsrChange, image: &PartitionImage) -> Result<(), AlterPartitionError> {
    let (given, current) = (proposal.leader_epoch, image.leader_epoch);
    if given < current {
        return Err(AlterPartitionError::FencedLeaderEpoch { given, current });
    }
    if given > current || proposal.partition_epoch > image.partition_epoch {
        return Err(AlterPartitionError::NewerState);
    }
    if image.leader != proposal.broker {
        return Err(AlterPartitionError::InvalidProposal(
            "only the leader may propose",
        ));
    }
    if proposal.partition_epoch < image.partition_epoch {
        return Err(AlterPartitionError::StalePartitionEpoch {
            given: proposal.partition_epoch,
            current: image.partition_epoch,
        });
    }
    Ok(())
}

/// The decision for one change, which may turn out to change nothing.
pub(super) fn decide(image: &PartitionImage, change: PartitionChange) -> Decision<PartitionImage> {
    if change == PartitionChange::new(change.topic, change.partition) {
        return Decision::unchanged(image.clone());
    }
    let mut after = image.clone();
    after.change(&change);
    Decision {
        records: vec![MetadataRecord::PartitionChange(change)],
        response: after,
    }
}
