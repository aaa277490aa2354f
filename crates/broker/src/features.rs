//! The features that this broker can work with. A level is reported only when what it stands
//! for works, because clients switch by it.

use highwater_metadata::{FeatureLevelRecord, FeatureRange, MetadataRecord};

/// How transactions are carried out: 2 stands for a new producer epoch after each (KIP-890).
pub(crate) const TRANSACTION_VERSION: &str = "transaction.version";

/// All of them.
pub(crate) fn supported() -> Vec<FeatureRange> {
    vec![FeatureRange {
        name: TRANSACTION_VERSION.into(),
        min: 0,
        max: 2,
    }]
}

/// The levels of a new cluster: the latest of each.
pub(crate) fn of_a_new_cluster() -> impl Iterator<Item = MetadataRecord> {
    supported().into_iter().map(|feature| {
        MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: feature.name,
            level: feature.max,
        })
    })
}
