//! Values that several handlers turn into those of the wire, or back.

use highwater_metadata::Mode;
use highwater_protocol::StrBytes;
use highwater_protocol::messages::{BrokerId as WireBroker, TopicName as WireTopic};
use highwater_types::BrokerId;

/// A topic's name as the wire carries it.
pub(super) fn wire_topic(name: &str) -> WireTopic {
    WireTopic(StrBytes::from_string(name.to_owned()))
}

/// Brokers as the wire names them.
pub(super) fn wire_brokers(brokers: &[BrokerId]) -> Vec<WireBroker> {
    brokers.iter().map(|id| WireBroker(id.get())).collect()
}

/// The brokers that a request names.
pub(super) fn brokers(named: &[WireBroker]) -> Vec<BrokerId> {
    named.iter().map(|id| BrokerId(id.0)).collect()
}

/// What a request means that may ask only whether it would be carried out.
pub(super) fn mode(validate_only: bool) -> Mode {
    if validate_only {
        Mode::ValidateOnly
    } else {
        Mode::Apply
    }
}
