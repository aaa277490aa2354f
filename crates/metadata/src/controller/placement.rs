//! On which brokers new replicas go.

use highwater_types::BrokerId;

use super::Controller;
use crate::{BrokerList, PartitionImage};

/// Why replicas cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// Nobody takes part.
    #[error("Unable to replicate the partition {0} time(s): no broker is active.")]
    NoBroker(usize),
    /// More replicas than brokers.
    #[error(
        "Unable to replicate the partition {wanted} time(s): only {active} broker(s) are active."
    )]
    TooFewBrokers {
        /// How many replicas are asked for.
        wanted: usize,
        /// How many brokers there are to take them.
        active: usize,
    },
}

/// What is wrong with replicas that somebody has assigned by hand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentError {
    /// No replicas.
    #[error("The manual partition assignment includes an empty replica list.")]
    Empty,
    /// No such broker.
    #[error("The manual partition assignment includes broker {0}, which is not registered.")]
    UnknownBroker(BrokerId),
    /// A broker twice.
    #[error("The manual partition assignment includes broker {0} more than once.")]
    DuplicateBroker(BrokerId),
    /// Partitions of one topic have the same number of replicas.
    #[error(
        "The manual partition assignment includes a partition with {given} replica(s), but \
         others of the topic have {expected}."
    )]
    UnequalReplicas {
        /// How many replicas it has.
        given: usize,
        /// How many the others have.
        expected: usize,
    },
    /// Nobody could lead.
    #[error("All brokers in the manual assignment of partition {0} are fenced or shutting down.")]
    NoActiveBroker(i32),
    /// Partitions are numbered from 0 without gaps, each once.
    #[error("Manually assigned partitions must be numbered from 0 without gap or repetition.")]
    NotConsecutive,
    /// As many assignments as new partitions.
    #[error("{added} partition(s) are to be added, but {given} assignment(s) are given.")]
    WrongCount {
        /// How many partitions are to be added.
        added: usize,
        /// How many assignments are given.
        given: usize,
    },
}

/// Deals replicas out in turn over the brokers that take part.
pub(super) struct Placement {
    brokers: Vec<BrokerId>,
    replicas: usize,
    start: usize,
}

impl Placement {
    /// The replicas of one partition.
    ///
    /// First replicas go round the brokers. The others follow at a distance that grows with
    /// every round, so that the partitions a broker leads do not all share one follower.
    pub(super) fn place(&self, partition: usize) -> BrokerList {
        let count = self.brokers.len();
        let turn = self.start.wrapping_add(partition);
        let first = turn % count;
        let distance = |replica: usize| match replica {
            0 => 0,
            _ => 1 + (turn / count + replica - 1) % (count - 1),
        };
        (0..self.replicas)
            .filter_map(|replica| self.brokers.get((first + distance(replica)) % count))
            .copied()
            .collect()
    }
}

impl Controller<'_> {
    /// Prepares to place `replicas` replicas of each partition.
    pub(super) fn placement(
        &self,
        replicas: usize,
        start: usize,
    ) -> Result<Placement, PlacementError> {
        let brokers: Vec<BrokerId> = self
            .image
            .brokers()
            .map(|broker| broker.id)
            .filter(|id| self.image.is_active(*id))
            .collect();
        if brokers.is_empty() {
            return Err(PlacementError::NoBroker(replicas));
        }
        if replicas > brokers.len() {
            return Err(PlacementError::TooFewBrokers {
                wanted: replicas,
                active: brokers.len(),
            });
        }
        Ok(Placement {
            brokers,
            replicas,
            start,
        })
    }

    /// Checks replicas that somebody has assigned by hand.
    pub(super) fn check_assignment(&self, replicas: &[BrokerId]) -> Result<(), AssignmentError> {
        if replicas.is_empty() {
            return Err(AssignmentError::Empty);
        }
        for (position, broker) in replicas.iter().enumerate() {
            if self.image.broker(*broker).is_none() {
                return Err(AssignmentError::UnknownBroker(*broker));
            }
            if replicas
                .iter()
                .take(position)
                .any(|earlier| earlier == broker)
            {
                return Err(AssignmentError::DuplicateBroker(*broker));
            }
        }
        Ok(())
    }

    /// A new partition on these replicas: those of active brokers are in sync, the first of them
    /// leads. `None` if no broker is active.
    pub(super) fn new_partition(&self, replicas: BrokerList) -> Option<PartitionImage> {
        let isr: BrokerList = replicas
            .iter()
            .copied()
            .filter(|broker| self.image.is_active(*broker))
            .collect();
        let leader = isr.first().copied()?;
        Some(PartitionImage::new(replicas, isr, leader))
    }

    /// New partitions on replicas that somebody has assigned by hand, in order from `first`.
    pub(super) fn assigned_partitions(
        &self,
        assignments: &[&[BrokerId]],
        first: i32,
        replicas: Option<usize>,
    ) -> Result<Vec<PartitionImage>, AssignmentError> {
        let expected = replicas.or_else(|| assignments.first().map(|replicas| replicas.len()));
        (first..)
            .zip(assignments)
            .map(|(index, replicas)| {
                self.check_assignment(replicas)?;
                match expected {
                    Some(expected) if expected != replicas.len() => {
                        Err(AssignmentError::UnequalReplicas {
                            given: replicas.len(),
                            expected,
                        })
                    }
                    Some(_) | None => self
                        .new_partition(BrokerList::from(*replicas))
                        .ok_or(AssignmentError::NoActiveBroker(index)),
                }
            })
            .collect()
    }
}
