//! Records as text, for people who look into a log.

use std::fmt::Write as _;

use super::group_metadata::GroupMetadataValue;
use super::key::{RecordKey, type_name};
use super::offset_commit::OffsetCommitValue;

/// One record of `__consumer_offsets` on one line; `None` if its key is of no kind that Kafka
/// writes. A value that cannot be read is shown as what is wrong with it.
pub fn describe_record(key: &[u8], value: Option<&[u8]>) -> Option<String> {
    let mut line = String::new();
    match RecordKey::decode(key) {
        Ok(RecordKey::OffsetCommit {
            group_id,
            topic,
            partition,
        }) => {
            let _ = write!(
                line,
                "OffsetCommit group={group_id} partition={topic}-{partition} "
            );
            match value.map(OffsetCommitValue::decode) {
                None => line.push_str("deleted"),
                Some(Ok(value)) => describe_offset(&mut line, &value),
                Some(Err(error)) => describe_damage(&mut line, &error),
            }
        }
        Ok(RecordKey::GroupMetadata { group_id }) => {
            let _ = write!(line, "GroupMetadata group={group_id} ");
            match value.map(GroupMetadataValue::decode) {
                None => line.push_str("deleted"),
                Some(Ok(value)) => describe_group(&mut line, &value),
                Some(Err(error)) => describe_damage(&mut line, &error),
            }
        }
        Ok(RecordKey::Other { record_type }) => {
            line.push_str(type_name(record_type)?);
            if value.is_none() {
                line.push_str(" deleted");
            }
        }
        Err(error) => describe_damage(&mut line, &error),
    }
    Some(line)
}

fn describe_damage(line: &mut String, error: &dyn std::fmt::Display) {
    let _ = write!(line, "damaged: {error}");
}

fn describe_offset(line: &mut String, value: &OffsetCommitValue) {
    let _ = write!(line, "offset={}", value.offset);
    if let Some(leader_epoch) = value.leader_epoch {
        let _ = write!(line, " leader_epoch={leader_epoch}");
    }
    let _ = write!(line, " commit_timestamp_ms={}", value.commit_timestamp_ms);
    if let Some(expire_timestamp_ms) = value.expire_timestamp_ms {
        let _ = write!(line, " expire_timestamp_ms={expire_timestamp_ms}");
    }
    if let Some(topic_id) = value.topic_id {
        let _ = write!(line, " topic_id={topic_id}");
    }
    if !value.metadata.is_empty() {
        let _ = write!(line, " metadata={:?}", value.metadata);
    }
}

fn describe_group(line: &mut String, value: &GroupMetadataValue) {
    let _ = write!(line, "generation={}", value.generation);
    if let Some(protocol_type) = &value.protocol_type {
        let _ = write!(line, " protocol_type={protocol_type}");
    }
    if let Some(protocol) = &value.protocol {
        let _ = write!(line, " protocol={protocol}");
    }
    if let Some(leader) = &value.leader {
        let _ = write!(line, " leader={leader}");
    }
    if let Some(state_timestamp_ms) = value.state_timestamp_ms {
        let _ = write!(line, " state_timestamp_ms={state_timestamp_ms}");
    }
    let _ = write!(line, " members={}", value.members.len());
    for member in &value.members {
        let _ = write!(line, " [{}", member.member_id);
        if let Some(instance) = &member.group_instance_id {
            let _ = write!(line, " instance={instance}");
        }
        let _ = write!(
            line,
            " client={} host={} session_timeout_ms={} rebalance_timeout_ms={} \
             subscription={}B assignment={}B]",
            member.client_id,
            member.client_host,
            member.session_timeout_ms,
            member.rebalance_timeout_ms,
            member.subscription.len(),
            member.assignment.len(),
        );
    }
}
