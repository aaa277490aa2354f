//! Groups: list, describe, delete.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use highwater_protocol::consumer_protocol;
use highwater_protocol::messages::describe_groups_response::DescribedGroupMember;
use highwater_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest,
};
use highwater_types::{PartitionIndex, TopicName, TopicPartition};

use super::{Admin, Outcome, text_of, wire_text};
use crate::code::Verdict as _;
use crate::{AutoCreate, ClientError, ErrorCode, Lane, Refusal, Target};

/// A group, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// `consumer`, `connect`, …; empty for a group that only holds offsets.
    pub protocol_type: String,
    /// `Stable`, `Empty`, …; empty from a broker that does not tell.
    pub state: String,
    /// `classic`, `consumer`, `share`; empty from a broker that does not tell.
    pub group_type: String,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub id: String,
    /// Its own name, if it is a static member.
    pub instance_id: Option<String>,
    /// The name that it gives its connections.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
    /// What it was assigned, if the group is one of consumers.
    pub assignment: Vec<TopicPartition>,
}

/// A group with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub id: String,
    /// Where it stands: `Stable`, `Empty`, `PreparingRebalance`, …
    pub state: String,
    /// `consumer`, `connect`, …
    pub protocol_type: String,
    /// The assignor in use.
    pub protocol: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// Reads what the leader of a group of consumers handed out; `None` if it is not that. No bytes
/// at all are no partitions.
pub(crate) fn decode_assignment(bytes: &Bytes) -> Option<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let assignment = consumer_protocol::decode_assignment(bytes).ok()?;
    let mut partitions = Vec::new();
    for topic in assignment.assigned_partitions {
        let name = TopicName::new(&topic.topic).ok()?;
        let indexes = topic.partitions.into_iter().map(PartitionIndex);
        partitions.extend(indexes.map(|index| TopicPartition::new(name.clone(), index)));
    }
    Some(partitions)
}

fn member(protocol_type: &str, member: &DescribedGroupMember) -> GroupMember {
    let assignment = if protocol_type == "consumer" {
        decode_assignment(&member.member_assignment).unwrap_or_default()
    } else {
        Vec::new()
    };
    GroupMember {
        id: member.member_id.to_string(),
        instance_id: text_of(member.group_instance_id.as_ref()),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        assignment,
    }
}

impl Admin {
    /// Every group of every broker, by id.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        let deadline = self.client.deadline();
        let fetch = || self.client.fetch_metadata(Some(&[]), AutoCreate::No);
        let cluster = self.client.retrying("Metadata", deadline, fetch).await?;
        let asked = cluster.brokers.keys().map(|id| {
            let target = Target::Broker(*id);
            async move {
                let build = |_| ListGroupsRequest::default();
                let check = |_, response: highwater_protocol::messages::ListGroupsResponse| {
                    ClientError::check("ListGroups", response.error_code, None)?;
                    Ok(response.groups)
                };
                self.client.ask(&target, deadline, build, check).await
            }
        });
        let mut groups = Vec::new();
        for answer in join_all(asked).await {
            groups.extend(answer?.into_iter().map(|group| GroupListing {
                id: group.group_id.to_string(),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                group_type: group.group_type.to_string(),
            }));
        }
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(groups)
    }

    /// One classic group with its members.
    ///
    /// Old brokers answer for a group that does not exist with the state `Dead`; that is given
    /// as GROUP_ID_NOT_FOUND, as newer ones do.
    pub async fn describe_group(&self, id: &str) -> Result<Outcome<GroupDescription>, ClientError> {
        let target = Target::GroupCoordinator(id.to_owned());
        let build = |_| DescribeGroupsRequest::default().with_groups(vec![GroupId(wire_text(id))]);
        self.client
            .ask(&target, self.client.deadline(), build, |_, response| {
                let group =
                    response
                        .groups
                        .into_iter()
                        .next()
                        .ok_or_else(|| ClientError::Malformed {
                            what: "DescribeGroups",
                            reason: "no entry for the group".to_owned(),
                        })?;
                if ErrorCode::from_code(group.error_code).is_stale_coordinator() {
                    ClientError::check("DescribeGroups", group.error_code, None)?;
                }
                if let Err(e) = Refusal::check(group.error_code, group.error_message.as_deref()) {
                    return Ok(Err(e));
                }
                if &*group.group_state == "Dead" {
                    return Ok(Err(ErrorCode::GROUP_ID_NOT_FOUND.into()));
                }
                let protocol_type = group.protocol_type.to_string();
                let members = group.members.iter().map(|m| member(&protocol_type, m));
                Ok(Ok(GroupDescription {
                    id: group.group_id.to_string(),
                    state: group.group_state.to_string(),
                    protocol: group.protocol_data.to_string(),
                    members: members.collect(),
                    protocol_type,
                }))
            })
            .await
    }

    /// The address of the broker that coordinates a group.
    pub async fn group_coordinator(&self, id: &str) -> Result<String, ClientError> {
        let target = Target::GroupCoordinator(id.to_owned());
        let find = || self.client.connection(&target, Lane::Prompt);
        let connection = self
            .client
            .retrying("FindCoordinator", self.client.deadline(), find)
            .await?;
        Ok(connection.address().to_owned())
    }

    /// Deletes groups that have no members, with their offsets.
    pub async fn delete_groups(
        &self,
        ids: &[String],
    ) -> Result<BTreeMap<String, Outcome<()>>, ClientError> {
        let deadline = self.client.deadline();
        let mut outcomes = BTreeMap::new();
        for id in ids {
            let target = Target::GroupCoordinator(id.clone());
            let build =
                |_| DeleteGroupsRequest::default().with_groups_names(vec![GroupId(wire_text(id))]);
            let check = |_, response: highwater_protocol::messages::DeleteGroupsResponse| {
                let code = response
                    .results
                    .first()
                    .map_or(0, |result| result.error_code);
                if ErrorCode::from_code(code).is_stale_coordinator() {
                    ClientError::check("DeleteGroups", code, None)?;
                }
                Ok(Refusal::check(code, None))
            };
            outcomes.insert(
                id.clone(),
                self.client.ask(&target, deadline, build, check).await?,
            );
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_with_a_count_it_cannot_hold_is_no_assignment() {
        let huge = Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(decode_assignment(&huge), None);
        let negative = Bytes::from_static(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(decode_assignment(&negative), None);
        assert_eq!(decode_assignment(&Bytes::new()), Some(Vec::new()));
        assert_eq!(decode_assignment(&Bytes::from_static(&[0])), None);
    }

    #[test]
    fn an_assignment_is_read_as_the_java_client_writes_it() {
        let bytes: &[u8] =
            b"\0\x03\0\0\0\x01\0\x02ab\0\0\0\x02\0\0\0\x00\0\0\0\x05\xff\xff\xff\xff";
        let names: Vec<_> = decode_assignment(&Bytes::from_static(bytes))
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["ab-0", "ab-5"]);
    }
}
