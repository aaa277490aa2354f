//! Choosing leaders.

use highwater_types::{BrokerId, PartitionIndex};

use super::{Controller, Decision};
use crate::{BrokerList, MetadataRecord, PartitionChange, PartitionImage, TopicImage};

/// Which election somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Election {
    /// The first replica shall lead.
    Preferred,
    /// Somebody shall lead, even if committed records are lost by it.
    Unclean,
}

/// Why no leader is elected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElectLeadersError {
    /// There is no such topic.
    #[error("No such topic as {0}")]
    UnknownTopic(String),
    /// There is no such partition.
    #[error("No such partition as {0}-{1}")]
    UnknownPartition(String, PartitionIndex),
    /// It has the leader it should have.
    #[error("Leader election not needed for topic partition.")]
    NotNeeded,
    /// The first replica is not in sync, or not active.
    #[error("The preferred leader was not available.")]
    PreferredLeaderNotAvailable,
    /// No replica is active.
    #[error("Eligible topic partition leaders are not available.")]
    EligibleLeadersNotAvailable,
}

/// What has become of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionResult {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// Whether it will have a new leader.
    pub result: Result<(), ElectLeadersError>,
}

impl Controller<'_> {
    /// Decides about leaders of the named partitions, or of all: then only those are answered
    /// for which an election is needed.
    pub fn elect_leaders(
        &self,
        election: Election,
        partitions: Option<&[(String, PartitionIndex)]>,
    ) -> Decision<Vec<ElectionResult>> {
        let mut records = Vec::new();
        let Some(named) = partitions else {
            let mut response = Vec::new();
            for topic in self.image.topics() {
                for (partition, image) in topic.partitions() {
                    let result = self.elect_one(election, topic, partition, image, &mut records);
                    if result != Err(ElectLeadersError::NotNeeded) {
                        let topic = topic.name.to_string();
                        response.push(ElectionResult {
                            topic,
                            partition,
                            result,
                        });
                    }
                }
            }
            return Decision { records, response };
        };
        let response = named
            .iter()
            .map(|(name, partition)| ElectionResult {
                topic: name.clone(),
                partition: *partition,
                result: self.elect_named(election, name, *partition, &mut records),
            })
            .collect();
        Decision { records, response }
    }

    fn elect_named(
        &self,
        election: Election,
        name: &str,
        partition: PartitionIndex,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), ElectLeadersError> {
        let topic = self
            .image
            .topic(name)
            .ok_or_else(|| ElectLeadersError::UnknownTopic(name.to_owned()))?;
        let image = topic
            .partition(partition)
            .ok_or_else(|| ElectLeadersError::UnknownPartition(name.to_owned(), partition))?;
        self.elect_one(election, topic, partition, image, records)
    }

    fn elect_one(
        &self,
        election: Election,
        topic: &TopicImage,
        partition: PartitionIndex,
        image: &PartitionImage,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), ElectLeadersError> {
        let mut change = PartitionChange::new(topic.id, partition);
        match election {
            Election::Preferred => {
                let preferred = image.preferred_leader();
                if image.leader == preferred {
                    return Err(ElectLeadersError::NotNeeded);
                }
                if !image.isr.contains(&preferred) || !self.image.is_active(preferred) {
                    return Err(ElectLeadersError::PreferredLeaderNotAvailable);
                }
                change.leader = Some(preferred);
            }
            Election::Unclean => {
                if image.leader != BrokerId::NONE {
                    return Err(ElectLeadersError::NotNeeded);
                }
                let is_active = |broker: BrokerId| self.image.is_active(broker);
                if let Some(clean) = clean_leader(image, is_active) {
                    change.leader = Some(clean);
                } else {
                    let any = image
                        .replicas
                        .iter()
                        .copied()
                        .find(|broker| is_active(*broker));
                    let any = any.ok_or(ElectLeadersError::EligibleLeadersNotAvailable)?;
                    change.leader = Some(any);
                    change.isr = Some(BrokerList::from([any]));
                }
            }
        }
        records.push(MetadataRecord::PartitionChange(change));
        Ok(())
    }
}

/// The replica that can lead without loss: the first, in order of preference, that is in sync
/// and of which `may_lead` holds.
pub(super) fn clean_leader(
    image: &PartitionImage,
    may_lead: impl Fn(BrokerId) -> bool,
) -> Option<BrokerId> {
    image
        .replicas
        .iter()
        .copied()
        .find(|broker| image.isr.contains(broker) && may_lead(*broker))
}
