//! What a round knows of the transactions whose batches it passes.

use std::collections::{HashMap, HashSet};

use highwater_records::BatchHeader;
use highwater_types::{Offset, ProducerId};

use crate::aborted::AbortedTransaction;

/// The transactions of the part of a log that is compacted. All of them are decided.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// From first offset to marker, by producer, in the order of the log.
    aborted: HashMap<ProducerId, Vec<(Offset, Offset)>>,
    /// Producers of which batches have been passed since their last marker.
    with_batches: HashSet<ProducerId>,
}

impl Trail {
    pub(super) fn new(aborted: Vec<AbortedTransaction>) -> Self {
        let mut trail = Self::default();
        // By their first offsets, as the log tells them.
        for entry in aborted {
            let of_producer = trail.aborted.entry(entry.producer_id).or_default();
            of_producer.push((entry.first_offset, entry.last_offset));
        }
        trail
    }

    /// Whether a batch belongs to a transaction that was aborted.
    pub(super) fn is_aborted(&self, header: &BatchHeader) -> bool {
        if !header.attributes.is_transactional() || header.attributes.is_control() {
            return false;
        }
        let Some(of_producer) = self.aborted.get(&header.producer_id) else {
            return false;
        };
        let behind = of_producer.partition_point(|(first, _)| *first <= header.base_offset);
        behind
            .checked_sub(1)
            .is_some_and(|at| header.base_offset < of_producer[at].1)
    }

    /// A batch of a transaction is passed, whatever becomes of it.
    pub(super) fn pass(&mut self, header: &BatchHeader) {
        if header.attributes.is_transactional() && !header.attributes.is_control() {
            self.with_batches.insert(header.producer_id);
        }
    }

    /// A marker is passed: whether its transaction still had batches in front of it. As long as
    /// there is one, be it empty, the marker must not go, or the transaction would look open.
    pub(super) fn end(&mut self, marker: &BatchHeader) -> Left {
        if self.with_batches.remove(&marker.producer_id) {
            Left::Some
        } else {
            Left::None
        }
    }
}

/// Whether a transaction has batches left in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Some,
    None,
}
