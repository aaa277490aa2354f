//! A partition and a topic as the image holds them.

use std::sync::Arc;

use highwater_types::{BrokerId, LeaderEpoch, PartitionIndex, TopicId, TopicName};

use crate::{BrokerList, PartitionChange};

/// How many partitions are copied when one of them changes.
const CHUNK_LEN: usize = 64;

/// What the cluster agrees on about one partition: 72 bytes for up to five replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// Every broker that holds or shall hold a replica, the preferred leader first.
    pub replicas: BrokerList,
    /// Those of them that are in sync.
    pub isr: BrokerList,
    /// The leader, or [`BrokerId::NONE`].
    pub leader: BrokerId,
    /// How often a leader has been named.
    pub leader_epoch: LeaderEpoch,
    /// How often anything has changed.
    pub partition_epoch: i32,
    /// What a reassignment adds and removes, while one goes on.
    reassignment: Option<Box<Reassignment>>,
}

/// A change of replicas that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// Replicas that were not there before.
    pub adding: BrokerList,
    /// Replicas that will not be there any more.
    pub removing: BrokerList,
}

impl PartitionImage {
    /// A partition as it begins: in its first epochs.
    pub fn new(replicas: BrokerList, isr: BrokerList, leader: BrokerId) -> Self {
        Self {
            replicas,
            isr,
            leader,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            reassignment: None,
        }
    }

    /// Replicas that a reassignment adds.
    pub fn adding(&self) -> &[BrokerId] {
        self.reassignment
            .as_ref()
            .map_or(&[], |reassignment| &reassignment.adding)
    }

    /// Replicas that a reassignment takes away.
    pub fn removing(&self) -> &[BrokerId] {
        self.reassignment
            .as_ref()
            .map_or(&[], |reassignment| &reassignment.removing)
    }

    /// The reassignment that goes on, if any.
    pub fn reassignment(&self) -> Option<&Reassignment> {
        self.reassignment.as_deref()
    }

    /// Notes a reassignment, or its end if both lists are empty.
    pub fn set_reassignment(&mut self, adding: BrokerList, removing: BrokerList) {
        let is_none = adding.is_empty() && removing.is_empty();
        self.reassignment = (!is_none).then(|| Box::new(Reassignment { adding, removing }));
    }

    /// The broker that leads if it can.
    pub fn preferred_leader(&self) -> BrokerId {
        self.replicas.first().copied().unwrap_or(BrokerId::NONE)
    }

    pub(crate) fn change(&mut self, change: &PartitionChange) {
        // Epochs come from records, and a damaged record must not panic.
        self.partition_epoch = self.partition_epoch.saturating_add(1);
        if let Some(leader) = change.leader {
            self.leader = leader;
            self.leader_epoch = LeaderEpoch(self.leader_epoch.get().saturating_add(1));
        }
        if let Some(isr) = &change.isr {
            self.isr = isr.clone();
        }
        if let Some(replicas) = &change.replicas {
            self.replicas = replicas.clone();
        }
        if change.adding.is_some() || change.removing.is_some() {
            let adding = change
                .adding
                .clone()
                .unwrap_or_else(|| self.adding().into());
            let removing = change
                .removing
                .clone()
                .unwrap_or_else(|| self.removing().into());
            self.set_reassignment(adding, removing);
        }
    }
}

/// A topic with its partitions; cloning shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicImage {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: TopicId,
    /// In chunks, so that a change in a topic of thousands does not copy them all.
    chunks: Vec<Arc<Vec<PartitionImage>>>,
}

impl TopicImage {
    /// A topic without partitions yet.
    pub fn new(name: TopicName, id: TopicId) -> Self {
        Self {
            name,
            id,
            chunks: Vec::new(),
        }
    }

    /// How many partitions it has.
    pub fn partition_count(&self) -> usize {
        let full = self.chunks.len().saturating_sub(1) * CHUNK_LEN;
        full + self.chunks.last().map_or(0, |chunk| chunk.len())
    }

    /// One of its partitions.
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionImage> {
        let index = usize::try_from(index.get()).ok()?;
        self.chunks.get(index / CHUNK_LEN)?.get(index % CHUNK_LEN)
    }

    /// All its partitions in order.
    pub fn partitions(&self) -> impl Iterator<Item = (PartitionIndex, &PartitionImage)> {
        self.chunks
            .iter()
            .flat_map(|chunk| chunk.iter())
            .enumerate()
            .map(|(index, partition)| (PartitionIndex(index as i32), partition))
    }

    /// How many replicas its first partition has, which stands for all.
    pub fn replication_factor(&self) -> usize {
        self.partition(PartitionIndex(0))
            .map_or(0, |partition| partition.replicas.len())
    }

    pub(crate) fn push(&mut self, partition: PartitionImage) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_LEN => Arc::make_mut(chunk).push(partition),
            Some(_) | None => self.chunks.push(Arc::new(vec![partition])),
        }
    }

    pub(crate) fn partition_mut(&mut self, index: PartitionIndex) -> Option<&mut PartitionImage> {
        let index = usize::try_from(index.get()).ok()?;
        Arc::make_mut(self.chunks.get_mut(index / CHUNK_LEN)?).get_mut(index % CHUNK_LEN)
    }
}
