//! What a broker must act on after a change of the image.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use highwater_types::{BrokerId, PartitionIndex, TopicId};

use crate::{ConfigResource, QuotaEntity, TopicImage};

/// What differs between two images, gathered while the records between them were applied.
///
/// It says where to look; what is there now is in the new image. What came and went in between
/// is not mentioned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetadataDelta {
    /// Topics that are no more, as they were in the old image. To be acted on first: a new
    /// topic may have the name of one of them.
    pub deleted_topics: Vec<Arc<TopicImage>>,
    /// Topics that are new or have changed.
    pub topics: BTreeMap<TopicId, TopicDelta>,
    /// Resources whose configuration has changed; not those of deleted topics.
    pub configs: BTreeSet<ConfigResource>,
    /// Entities whose quotas have changed.
    pub quotas: BTreeSet<QuotaEntity>,
    /// Brokers that have come, changed or gone.
    pub brokers: BTreeSet<BrokerId>,
    /// Whether the level of a feature has changed.
    pub features_changed: bool,
    /// Whether producer ids have been given out.
    pub producer_ids_changed: bool,
    /// Whether the cluster's id or format has changed.
    pub cluster_changed: bool,
}

/// What is new about one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicDelta {
    /// Whether the topic itself is new.
    pub is_new: bool,
    /// Its partitions that are new or have changed.
    pub partitions: BTreeSet<PartitionIndex>,
}

impl MetadataDelta {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The topics that are new.
    pub fn created_topics(&self) -> impl Iterator<Item = TopicId> {
        self.topics
            .iter()
            .filter(|(_, delta)| delta.is_new)
            .map(|(id, _)| *id)
    }

    /// Every partition that is new or has changed.
    pub fn changed_partitions(&self) -> impl Iterator<Item = (TopicId, PartitionIndex)> {
        self.topics
            .iter()
            .flat_map(|(id, delta)| delta.partitions.iter().map(|index| (*id, *index)))
    }
}
