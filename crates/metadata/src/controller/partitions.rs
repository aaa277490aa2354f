//! Adding partitions to a topic.

use std::collections::HashMap;

use highwater_types::limits::PARTITIONS_PER_TOPIC_MAX;
use highwater_types::{BrokerId, PartitionIndex};

use super::{AssignmentError, Controller, Decision, Mode, PlacementError};
use crate::{MetadataRecord, PartitionImage, PartitionRecord, TopicImage};

/// A topic that shall have more partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionIncrease {
    /// The topic's name.
    pub topic: String,
    /// How many partitions it shall have in all.
    pub count: i32,
    /// The replicas of each new partition, or `None` to have them chosen.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
}

/// Why partitions cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreatePartitionsError {
    /// There is no such topic.
    #[error("This server does not host topic {0:?}.")]
    UnknownTopic(String),
    /// The request has it more than once.
    #[error("Topic {0:?} is in the request more than once.")]
    DuplicateInRequest(String),
    /// Which partition a group is in follows from their number.
    #[error("The number of partitions of the internal topic {0} cannot be changed.")]
    Internal(String),
    /// It has that many.
    #[error("Topic already has {0} partition(s).")]
    AlreadySo(usize),
    /// It has more, and partitions never go away.
    #[error(
        "The topic {topic} currently has {present} partition(s); {wanted} would not be an increase."
    )]
    NotAnIncrease {
        /// The topic.
        topic: String,
        /// How many it has.
        present: usize,
        /// How many are asked for.
        wanted: i32,
    },
    /// More than a topic may have, or than one request may add.
    #[error(
        "A topic may have, and a request add, at most {PARTITIONS_PER_TOPIC_MAX} partitions, not {0}."
    )]
    TooManyPartitions(i32),
    /// More than all topics may have.
    #[error("The cluster may have at most {max} partitions, and has {present} already.")]
    ClusterFull {
        /// How many there are.
        present: usize,
        /// How many there may be.
        max: usize,
    },
    /// Not enough brokers.
    #[error(transparent)]
    Placement(#[from] PlacementError),
    /// The replicas given cannot be.
    #[error(transparent)]
    Assignment(#[from] AssignmentError),
}

impl Controller<'_> {
    /// Decides about topics that shall have more partitions; results are in the order of the
    /// request.
    pub fn create_partitions(
        &self,
        increases: &[PartitionIncrease],
        placement_start: usize,
        mode: Mode,
    ) -> Decision<Vec<Result<(), CreatePartitionsError>>> {
        let mut occurrences: HashMap<&str, usize> = HashMap::new();
        for increase in increases {
            *occurrences.entry(&increase.topic).or_default() += 1;
        }
        let mut added = 0;
        let mut records = Vec::new();
        let response = increases
            .iter()
            .map(|increase| {
                if occurrences
                    .get(increase.topic.as_str())
                    .is_some_and(|times| *times > 1)
                {
                    let topic = increase.topic.clone();
                    return Err(CreatePartitionsError::DuplicateInRequest(topic));
                }
                let topic = self
                    .image
                    .topic(&increase.topic)
                    .ok_or_else(|| CreatePartitionsError::UnknownTopic(increase.topic.clone()))?;
                let images = self.additional(topic, increase, placement_start, added)?;
                added += images.len();
                let first = topic.partition_count() as i32;
                records.extend((first..).zip(images).map(|(index, image)| {
                    MetadataRecord::Partition(PartitionRecord {
                        topic: topic.id,
                        partition: PartitionIndex(index),
                        image,
                    })
                }));
                Ok(())
            })
            .collect();
        Decision { records, response }.in_mode(mode)
    }

    fn additional(
        &self,
        topic: &TopicImage,
        increase: &PartitionIncrease,
        placement_start: usize,
        added_before: usize,
    ) -> Result<Vec<PartitionImage>, CreatePartitionsError> {
        let present = topic.partition_count();
        let wanted = usize::try_from(increase.count).unwrap_or(0);
        if topic.name.is_internal() {
            return Err(CreatePartitionsError::Internal(increase.topic.clone()));
        }
        if wanted == present {
            return Err(CreatePartitionsError::AlreadySo(present));
        }
        if wanted < present {
            return Err(CreatePartitionsError::NotAnIncrease {
                topic: increase.topic.clone(),
                present,
                wanted: increase.count,
            });
        }
        let in_request = added_before + (wanted - present);
        if increase.count > PARTITIONS_PER_TOPIC_MAX
            || in_request > PARTITIONS_PER_TOPIC_MAX as usize
        {
            return Err(CreatePartitionsError::TooManyPartitions(increase.count));
        }
        let all = self.image.partition_count() + added_before;
        let max = self.settings.partitions_total_max;
        if all.saturating_add(wanted - present) > max {
            return Err(CreatePartitionsError::ClusterFull { present: all, max });
        }
        let replicas = topic.replication_factor();
        let Some(assignments) = &increase.assignments else {
            let placement = self.placement(replicas, placement_start)?;
            return (present..wanted)
                .map(|index| {
                    self.new_partition(placement.place(index))
                        .ok_or(PlacementError::NoBroker(replicas).into())
                })
                .collect();
        };
        let added = wanted - present;
        if assignments.len() != added {
            return Err(AssignmentError::WrongCount {
                added,
                given: assignments.len(),
            }
            .into());
        }
        let assignments: Vec<&[BrokerId]> = assignments.iter().map(Vec::as_slice).collect();
        Ok(self.assigned_partitions(&assignments, present as i32, Some(replicas))?)
    }
}
