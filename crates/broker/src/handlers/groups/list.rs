//! ListGroups: the groups of this broker.

use std::sync::Arc;

use futures_util::future::join_all;
use highwater_groups::{ListRequest, ListedGroup as GroupLine, Reply as GroupReply, Request};
use highwater_net::Reply;
use highwater_protocol::messages::list_groups_response::ListedGroup;
use highwater_protocol::messages::{GroupId as WireGroup, ListGroupsRequest, ListGroupsResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::{Operation, RequestContext, Resource};

use super::{coordinator_error, may, mismatch, start, wire_text};
use crate::broker::Broker;
use crate::service::Call;

/// Handles the request. The filters are empty in versions that do not have them.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ListGroupsRequest = call.decode()?;
    let filter = ListRequest {
        states: request
            .states_filter
            .iter()
            .map(|state| state.trim().to_owned())
            .collect(),
        kinds: request
            .types_filter
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    let (broker, context) = (Arc::clone(call.broker), call.context.clone());
    let responder = call.responder;
    Ok(start(call.broker, async move {
        let response = match list(&broker, filter).await {
            Ok(groups) => answer(&broker, &context, groups),
            // A part of the groups would look like all of them.
            Err(error) => ListGroupsResponse::default().with_error_code(error.code()),
        };
        responder.response(&response)
    }))
}

async fn list(broker: &Arc<Broker>, filter: ListRequest) -> Result<Vec<GroupLine>, ErrorCode> {
    let shards = broker.groups.shards();
    let asked = shards.iter().map(|shard| {
        let request = Request::List(filter.clone());
        broker.groups.call_shard(broker, shard, request)
    });
    let mut groups = Vec::new();
    for answer in join_all(asked).await {
        match answer {
            Ok(GroupReply::List(listed)) => groups.extend(listed),
            Ok(other) => return Err(mismatch(&other)),
            // The shard has gone to another broker, which lists its groups.
            Err(ErrorCode::NOT_COORDINATOR) => {}
            Err(error) => return Err(coordinator_error(error)),
        }
    }
    groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
    Ok(groups)
}

/// Who may describe the cluster sees all groups, anybody else those that they may describe.
fn answer(broker: &Broker, context: &RequestContext, groups: Vec<GroupLine>) -> ListGroupsResponse {
    let authorizer = &broker.authorizer;
    let verdict = authorizer.authorize(context, Operation::Describe, &Resource::CLUSTER);
    let sees_all = verdict.is_allowed();
    let seen = groups.into_iter().filter(|group| {
        sees_all
            || may(
                broker,
                context,
                Operation::Describe,
                group.group_id.as_str(),
            )
    });
    ListGroupsResponse::default().with_groups(seen.map(wire_line).collect())
}

fn wire_line(group: GroupLine) -> ListedGroup {
    ListedGroup::default()
        .with_group_id(WireGroup(wire_text(group.group_id.as_str())))
        .with_protocol_type(StrBytes::from_string(group.protocol_type))
        .with_group_state(StrBytes::from_static_str(group.state.name()))
        .with_group_type(StrBytes::from_static_str(group.kind.name()))
}
