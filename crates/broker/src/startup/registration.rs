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
    let image = metadata.image();
    let mut first_records = Vec::new();
    if image.cluster().is_none() {
        first_records.push(MetadataRecord::Cluster(ClusterRecord {
            cluster_id: cluster_id.into(),
            format_version: METADATA_FORMAT,
        }));
    }
    // One that was imported has had no broker either.
    if image.brokers().next().is_none() {
        first_records.extend(crate::features::of_a_new_cluster());
    }
    if !first_records.is_empty() {
        let decide = |_: &MetadataImage| Decision {
            records: first_records,
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
