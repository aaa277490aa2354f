//! This run of the process makes itself known in the metadata.

use std::sync::Arc;

use highwater_config::NodeConfig;
use highwater_metadata::{
    BrokerRegistration, ClusterRecord, Controller, ControllerSettings, Decision, MetadataImage,
    MetadataRecord, PreviousStop,
};

use super::StartError;
use crate::clock::Clock;
use crate::config_rules::BrokerConfigRules;
use crate::metadata_store::MetadataStore;

/// The format of metadata records that this version writes.
pub(crate) const METADATA_FORMAT: u16 = 1;

/// Makes this run of the process known; returns its epoch. Nothing acts on the change: the
/// partitions are opened behind it.
pub(super) fn register(
    metadata: &MetadataStore,
    clock: Clock,
    cluster_id: &str,
    registration: &BrokerRegistration,
    previous: PreviousStop,
) -> Result<i64, StartError> {
    if metadata.image().cluster().is_none() {
        let record = MetadataRecord::Cluster(ClusterRecord {
            cluster_id: cluster_id.into(),
            format_version: METADATA_FORMAT,
        });
        let decide = |_: &MetadataImage| Decision {
            records: std::iter::once(record)
                .chain(crate::features::of_a_new_cluster())
                .collect(),
            response: (),
        };
        metadata.submit(clock.now(), decide, |_, _| {})?;
    }
    let settings = ControllerSettings {
        features: crate::features::supported(),
        ..ControllerSettings::default()
    };
    let rules = BrokerConfigRules {
        node: Arc::new(NodeConfig::default()),
    };
    let decide = |image: &MetadataImage| {
        let controller = Controller::new(image, &settings, &rules);
        Decision::or_refusal(controller.register_broker(cluster_id, registration, previous))
    };
    Ok(metadata.submit(clock.now(), decide, |_, _| {})??)
}
