//! Records as text, for people who look into a log.

use std::fmt::Write as _;

use highwater_types::ProducerId;

use super::key::RecordKey;
use super::value::TransactionValue;
use crate::ids::TransactionVersion;

/// One record of `__transaction_state` on one line; `None` if its key is of no kind that Kafka
/// writes. A value that cannot be read is shown as what is wrong with it.
pub fn describe_record(key: &[u8], value: Option<&[u8]>) -> Option<String> {
    let mut line = String::new();
    match RecordKey::decode(key) {
        Ok(RecordKey::Transaction(id)) => {
            let _ = write!(line, "Transaction id={id} ");
            match value.map(TransactionValue::decode) {
                None => line.push_str("deleted"),
                Some(Ok(value)) => describe_value(&mut line, &value),
                Some(Err(error)) => {
                    let _ = write!(line, "damaged: {error}");
                }
            }
        }
        Ok(RecordKey::Other { .. }) => return None,
        Err(error) => {
            let _ = write!(line, "damaged: {error}");
        }
    }
    Some(line)
}

pub(crate) fn describe_value(line: &mut String, value: &TransactionValue) {
    let _ = write!(line, "{} producer={}", value.state, value.producer);
    if value.previous_producer_id != ProducerId::NONE {
        let _ = write!(line, " previous={}", value.previous_producer_id);
    }
    if value.next_producer_id != ProducerId::NONE {
        let _ = write!(line, " next={}", value.next_producer_id);
    }
    let _ = write!(line, " timeout_ms={}", value.timeout_ms);
    let _ = write!(line, " last_update_ms={}", value.last_update_ms);
    if value.start_ms >= 0 {
        let _ = write!(line, " start_ms={}", value.start_ms);
    }
    if value.client_version != TransactionVersion::TV_0 {
        let _ = write!(line, " client_version={}", value.client_version.0);
    }
    if !value.partitions.is_empty() {
        line.push_str(" partitions=[");
        for (nth, partition) in value.partitions.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            let _ = write!(line, "{comma}{partition}");
        }
        line.push(']');
    }
}
