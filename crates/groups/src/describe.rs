//! What administrators see of the groups.

use bytes::Bytes;
use highwater_types::{Offset, PartitionIndex, TopicName};

use crate::ids::GroupId;
use crate::replies::{
    DescribedGroup, DescribedMember, GroupError, GroupKind, GroupState, ListedGroup,
};
use crate::requests::ListRequest;
use crate::shard::{Group, GroupShard, Membership};

/// A group as metrics see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    /// Its id.
    pub group_id: GroupId,
    /// Its state.
    pub state: GroupState,
    /// How many members it has.
    pub members: usize,
    /// What it has committed, by topic and partition.
    pub offsets: Vec<(TopicName, PartitionIndex, Offset)>,
}

impl GroupShard {
    /// Every group in few words. Unlike a reply, this may tell of an offset whose record is not
    /// on disk yet.
    pub fn summaries(&self) -> Vec<GroupSummary> {
        let summary = |group: &Group| {
            let Membership::Classic(classic) = &group.membership;
            GroupSummary {
                group_id: classic.id().clone(),
                state: classic.state(),
                members: classic.members().count(),
                offsets: group.offsets.positions().collect(),
            }
        };
        self.groups.values().map(summary).collect()
    }

    /// The group as it is; metadata and protocol are told of a stable group only, as before that
    /// they may still change.
    pub(crate) fn describe(&self, group_id: GroupId) -> DescribedGroup {
        let Some(group) = self.groups.get(&group_id) else {
            return DescribedGroup {
                group_id,
                error: Some(GroupError::GroupIdNotFound),
                state: GroupState::Dead,
                protocol_type: String::new(),
                protocol: String::new(),
                members: Vec::new(),
            };
        };
        let Membership::Classic(group) = &group.membership;
        let state = group.state();
        let is_stable = state == GroupState::Stable;
        let protocol = group.protocol().filter(|_| is_stable);
        let members = group.members().map(|member| DescribedMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: if is_stable {
                member.metadata(protocol)
            } else {
                Bytes::new()
            },
            assignment: member.assignment.clone(),
        });
        DescribedGroup {
            group_id,
            error: None,
            state,
            protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
            protocol: protocol.unwrap_or_default().to_owned(),
            members: members.collect(),
        }
    }

    /// All groups that pass the filters; a name that no state or kind has lets nothing pass.
    pub(crate) fn list(&self, request: &ListRequest) -> Vec<ListedGroup> {
        let passes = |filter: &[String], name: &str| {
            filter.is_empty()
                || filter
                    .iter()
                    .any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        let mut listed = Vec::new();
        for group in self.groups.values() {
            let Membership::Classic(group) = &group.membership;
            let kind = GroupKind::Classic;
            if passes(&request.states, group.state().name()) && passes(&request.kinds, kind.name())
            {
                listed.push(ListedGroup {
                    group_id: group.id().clone(),
                    protocol_type: group.protocol_type().unwrap_or_default().to_owned(),
                    state: group.state(),
                    kind,
                });
            }
        }
        listed
    }
}
