//! Brokers that come, stop taking part, and go, and what that means for what they lead.

use highwater_types::{BrokerId, PartitionIndex, TopicId};

use super::elections::clean_leader;
use super::{Controller, Decision};
use crate::{
    BrokerChange, BrokerRegistration, BrokerState, MetadataRecord, PartitionChange, PartitionImage,
};

/// How a broker that starts has stopped before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviousStop {
    /// Everything it had was on disk.
    Clean,
    /// It may have lost what was not on disk, or it is not known.
    Unclean,
}

/// Why a broker cannot join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// It belongs to another cluster.
    #[error("cluster id {given} is not that of this cluster, {expected}")]
    WrongCluster {
        /// The id it has.
        given: String,
        /// The id of this cluster.
        expected: String,
    },
    /// What it says of itself cannot be.
    #[error("{0}")]
    Invalid(&'static str),
    /// It cannot work with what the cluster has agreed on.
    #[error("the broker does not support level {level} of feature {feature}")]
    UnsupportedFeature {
        /// The feature.
        feature: String,
        /// The level that the cluster has agreed on.
        level: i16,
    },
    /// A registration is numbered above all that were before.
    #[error("broker epoch {given} is not above the current {current}")]
    BrokerEpochBack {
        /// The epoch of the registration.
        given: i64,
        /// The epoch it has now.
        current: i64,
    },
}

/// Why nothing can be decided about a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// It has not registered.
    #[error("broker {0} is not registered")]
    NotRegistered(BrokerId),
    /// It has registered anew since.
    #[error("broker epoch {given} is not the current {current}")]
    StaleBrokerEpoch {
        /// The epoch of the request.
        given: i64,
        /// The epoch it has now.
        current: i64,
    },
}

impl Controller<'_> {
    /// Decides about a broker that wants to join; the response is its broker epoch.
    ///
    /// A new incarnation replaces the one before at once: two processes cannot share a data
    /// directory, so the old one is gone, and waiting for its time-out would keep its partitions
    /// without a leader. The same incarnation again is a repeated request and changes nothing.
    ///
    /// After an unclean stop the broker leads nothing that another replica in sync can lead, and
    /// is in sync nowhere until it has proven so. Where it is the only one in sync it is elected
    /// anew: the new leader epoch lets consumers notice if records that were not on disk have
    /// been replaced by others at the same offsets (KIP-320). After a clean stop nothing can
    /// have been lost, and nothing changes: ten thousand partitions need no ten thousand records.
    pub fn register_broker(
        &self,
        cluster_id: &str,
        registration: &BrokerRegistration,
        previous: PreviousStop,
    ) -> Result<Decision<i64>, RegistrationError> {
        self.check_registration(cluster_id, registration)?;
        let id = registration.id;
        if let Some(known) = self.image.broker(id) {
            if known.incarnation == registration.incarnation {
                return Ok(Decision::unchanged(known.broker_epoch));
            }
            if known.broker_epoch >= registration.broker_epoch {
                return Err(RegistrationError::BrokerEpochBack {
                    given: registration.broker_epoch,
                    current: known.broker_epoch,
                });
            }
        }
        let mut records = vec![MetadataRecord::RegisterBroker(registration.clone())];
        self.each_replica(id, |topic, index, image| {
            let mut change = PartitionChange::new(topic, index);
            if previous == PreviousStop::Unclean {
                self.distrust(id, registration.state, image, &mut change);
            } else if registration.state == BrokerState::Fenced {
                self.step_back(id, BrokerState::Fenced, image, &mut change);
            }
            if registration.state == BrokerState::Active {
                revive(id, image, &mut change);
            }
            push_change(change, &mut records);
        });
        Ok(Decision {
            records,
            response: registration.broker_epoch,
        })
    }

    /// Decides about a broker that begins or stops to take part.
    pub fn change_broker(&self, change: BrokerChange) -> Result<Decision<()>, BrokerError> {
        let known = self
            .image
            .broker(change.id)
            .ok_or(BrokerError::NotRegistered(change.id))?;
        if known.broker_epoch != change.broker_epoch {
            return Err(BrokerError::StaleBrokerEpoch {
                given: change.broker_epoch,
                current: known.broker_epoch,
            });
        }
        if known.state == change.state {
            return Ok(Decision::unchanged(()));
        }
        let mut records = vec![MetadataRecord::BrokerChange(change)];
        self.each_replica(change.id, |topic, index, image| {
            let mut partition = PartitionChange::new(topic, index);
            match change.state {
                BrokerState::Active => revive(change.id, image, &mut partition),
                BrokerState::Fenced | BrokerState::ShuttingDown => {
                    self.step_back(change.id, change.state, image, &mut partition);
                }
            }
            push_change(partition, &mut records);
        });
        Ok(Decision {
            records,
            response: (),
        })
    }

    /// Decides about a broker that has left for good; its replicas stay assigned to it until
    /// they are reassigned.
    pub fn unregister_broker(&self, id: BrokerId) -> Result<Decision<()>, BrokerError> {
        self.image
            .broker(id)
            .ok_or(BrokerError::NotRegistered(id))?;
        let mut records = Vec::new();
        self.each_replica(id, |topic, index, image| {
            let mut change = PartitionChange::new(topic, index);
            self.step_back(id, BrokerState::Fenced, image, &mut change);
            push_change(change, &mut records);
        });
        records.push(MetadataRecord::UnregisterBroker(id));
        Ok(Decision {
            records,
            response: (),
        })
    }

    fn check_registration(
        &self,
        cluster_id: &str,
        registration: &BrokerRegistration,
    ) -> Result<(), RegistrationError> {
        if let Some(cluster) = self.image.cluster()
            && *cluster.cluster_id != *cluster_id
        {
            return Err(RegistrationError::WrongCluster {
                given: cluster_id.to_owned(),
                expected: cluster.cluster_id.to_string(),
            });
        }
        if registration.id.get() < 0 {
            return Err(RegistrationError::Invalid("the broker id is negative"));
        }
        if registration.listeners.is_empty() {
            return Err(RegistrationError::Invalid("the broker has no listener"));
        }
        for (feature, level) in self.image.features() {
            let is_supported = registration
                .features
                .iter()
                .any(|range| range.name == *feature && (range.min..=range.max).contains(level));
            if !is_supported {
                return Err(RegistrationError::UnsupportedFeature {
                    feature: feature.to_string(),
                    level: *level,
                });
            }
        }
        Ok(())
    }

    fn each_replica(
        &self,
        id: BrokerId,
        mut visit: impl FnMut(TopicId, PartitionIndex, &PartitionImage),
    ) {
        for topic in self.image.topics() {
            for (index, image) in topic.partitions() {
                if image.replicas.contains(&id) {
                    visit(topic.id, index, image);
                }
            }
        }
    }

    /// A broker that takes part no more leads nothing that another can lead, and is in sync
    /// nowhere but where it is the last; there, nobody leads until it is back.
    fn step_back(
        &self,
        id: BrokerId,
        state: BrokerState,
        image: &PartitionImage,
        change: &mut PartitionChange,
    ) {
        let other = clean_leader(image, |broker| broker != id && self.image.is_active(broker));
        let is_in_sync = image.isr.contains(&id);
        if image.leader == id {
            match other {
                Some(other) => {
                    change.leader = Some(other);
                    change.isr = Some(image.isr.without(id));
                }
                None if state == BrokerState::Fenced => change.leader = Some(BrokerId::NONE),
                None => {}
            }
        } else if is_in_sync && other.is_some() {
            change.isr = Some(image.isr.without(id));
        }
    }

    /// What the log of a broker holds after an unclean stop is not known, so it steps back; if
    /// it is the last in sync it begins a new epoch.
    fn distrust(
        &self,
        id: BrokerId,
        state: BrokerState,
        image: &PartitionImage,
        change: &mut PartitionChange,
    ) {
        self.step_back(id, BrokerState::Fenced, image, change);
        if state == BrokerState::Active && change.leader == Some(BrokerId::NONE) {
            change.leader = Some(id);
        }
    }
}

/// A broker that takes part again leads what had no leader, if it was in sync.
fn revive(id: BrokerId, image: &PartitionImage, change: &mut PartitionChange) {
    if image.leader == BrokerId::NONE && image.isr.contains(&id) && change.isr.is_none() {
        change.leader = Some(id);
    }
}

fn push_change(change: PartitionChange, records: &mut Vec<MetadataRecord>) {
    if change != PartitionChange::new(change.topic, change.partition) {
        records.push(MetadataRecord::PartitionChange(change));
    }
}
