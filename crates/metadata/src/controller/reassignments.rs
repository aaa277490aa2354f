//! Moving replicas to other brokers.

use highwater_types::{BrokerId, PartitionIndex, TopicName};

use super::replicas::decide;
use super::{AssignmentError, Controller, Decision};
use crate::{BrokerList, PartitionChange, PartitionImage};

/// Why replicas are not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReassignmentError {
    /// There is no such topic or partition.
    #[error("Unable to find partition {0}-{1}.")]
    UnknownPartition(String, PartitionIndex),
    /// Nothing is under way that could be cancelled.
    #[error("No partition reassignment is in progress.")]
    NotInProgress,
    /// The replicas given cannot be.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
    /// Of the replicas that would remain none is in sync.
    #[error("The reassignment that is in progress cannot be undone without an unclean election.")]
    RevertUnclean,
}

/// A reassignment that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OngoingReassignment {
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: PartitionIndex,
    /// All replicas, old and new.
    pub replicas: BrokerList,
    /// The new ones.
    pub adding: BrokerList,
    /// The old ones that will go.
    pub removing: BrokerList,
}

impl Controller<'_> {
    /// Decides about the replicas of one partition; `None` cancels what is under way.
    ///
    /// Replicas that are there already are only put in order, at once. New ones are added, and
    /// when they have come into sync [`Controller::alter_partition`] takes the old ones away.
    pub fn reassign_partition(
        &self,
        topic: &str,
        partition: PartitionIndex,
        target: Option<&[BrokerId]>,
    ) -> Result<Decision<PartitionImage>, ReassignmentError> {
        let unknown = || ReassignmentError::UnknownPartition(topic.to_owned(), partition);
        let topic_image = self.image.topic(topic).ok_or_else(unknown)?;
        let image = topic_image.partition(partition).ok_or_else(unknown)?;
        let mut change = PartitionChange::new(topic_image.id, partition);
        match target {
            Some(target) => {
                self.check_assignment(target)?;
                self.retarget(image, target, &mut change)?;
            }
            None => self.revert(image, &mut change)?,
        }
        Ok(decide(image, change))
    }

    fn retarget(
        &self,
        image: &PartitionImage,
        target: &[BrokerId],
        change: &mut PartitionChange,
    ) -> Result<(), ReassignmentError> {
        if image.reassignment().is_none() && *image.replicas == *target {
            return Ok(());
        }
        // What an earlier reassignment has begun to add was not there before.
        let was_there = |broker: &BrokerId| !image.adding().contains(broker);
        let before: Vec<BrokerId> = image.replicas.iter().copied().filter(was_there).collect();
        let adding: BrokerList = target
            .iter()
            .copied()
            .filter(|broker| !before.contains(broker))
            .collect();
        let removing: BrokerList = before
            .iter()
            .copied()
            .filter(|broker| !target.contains(broker))
            .collect();
        let all: BrokerList = target.iter().chain(removing.iter()).copied().collect();
        let mut during = image.clone();
        during.isr = image
            .isr
            .iter()
            .copied()
            .filter(|broker| all.contains(broker))
            .collect();
        if during.isr.is_empty() {
            return Err(ReassignmentError::RevertUnclean);
        }
        during.replicas = all.clone();
        during.set_reassignment(adding.clone(), removing.clone());
        change.replicas = (all != image.replicas).then_some(all);
        change.isr = (during.isr != image.isr).then(|| during.isr.clone());
        change.adding = Some(adding);
        change.removing = Some(removing);
        // The leader may be a replica that an earlier reassignment had begun to add.
        if !during.replicas.contains(&image.leader) {
            change.leader = Some(
                super::elections::clean_leader(&during, |broker| self.image.is_active(broker))
                    .unwrap_or(BrokerId::NONE),
            );
        }
        self.complete_reassignment(&during, &during.isr, change);
        Ok(())
    }

    fn revert(
        &self,
        image: &PartitionImage,
        change: &mut PartitionChange,
    ) -> Result<(), ReassignmentError> {
        let reassignment = image
            .reassignment()
            .ok_or(ReassignmentError::NotInProgress)?;
        let was_there = |broker: &BrokerId| !reassignment.adding.contains(broker);
        let replicas: BrokerList = image.replicas.iter().copied().filter(was_there).collect();
        let isr: BrokerList = image.isr.iter().copied().filter(was_there).collect();
        let mut after = image.clone();
        after.replicas = replicas.clone();
        after.isr = isr.clone();
        let leader = super::elections::clean_leader(&after, |broker| self.image.is_active(broker));
        if isr.is_empty() {
            return Err(ReassignmentError::RevertUnclean);
        }
        if !was_there(&image.leader) {
            change.leader = Some(leader.unwrap_or(BrokerId::NONE));
        }
        change.replicas = Some(replicas);
        change.isr = (isr != image.isr).then_some(isr);
        change.adding = Some(BrokerList::new());
        change.removing = Some(BrokerList::new());
        Ok(())
    }

    /// The reassignments that are under way, of the named partitions or of all.
    pub fn ongoing_reassignments(
        &self,
        partitions: Option<&[(String, PartitionIndex)]>,
    ) -> Vec<OngoingReassignment> {
        let ongoing = |name: &TopicName, partition, image: &PartitionImage| {
            let reassignment = image.reassignment()?;
            Some(OngoingReassignment {
                topic: name.clone(),
                partition,
                replicas: image.replicas.clone(),
                adding: reassignment.adding.clone(),
                removing: reassignment.removing.clone(),
            })
        };
        match partitions {
            Some(named) => named
                .iter()
                .filter_map(|(name, partition)| {
                    let topic = self.image.topic(name)?;
                    ongoing(&topic.name, *partition, topic.partition(*partition)?)
                })
                .collect(),
            None => self
                .image
                .topics()
                .flat_map(|topic| {
                    topic
                        .partitions()
                        .map(move |(index, image)| (topic, index, image))
                })
                .filter_map(|(topic, index, image)| ongoing(&topic.name, index, image))
                .collect(),
        }
    }
}
