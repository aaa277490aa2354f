//! DescribeGroups: what groups look like to administrators.

use std::sync::Arc;

use futures_util::future::join_all;
use highwater_groups::{
    DescribeRequest, DescribedGroup as GroupDescription, DescribedMember, GroupId,
    Reply as GroupReply, Request,
};
use highwater_net::Reply;
use highwater_protocol::messages::describe_groups_response::{
    DescribedGroup, DescribedGroupMember,
};
use highwater_protocol::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, GroupId as WireGroup,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::{Operation, RequestContext, Resource, authorized_operations};

use super::{ask, may, mismatch, start, wire_text};
use crate::broker::Broker;
use crate::handlers::errors;
use crate::service::Call;

/// From here on it is an error that a group does not exist (KIP-1043); before, its state alone
/// tells.
const NOT_FOUND_FROM: i16 = 6;

struct Asker {
    broker: Arc<Broker>,
    context: RequestContext,
    version: i16,
    wants_operations: bool,
}

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DescribeGroupsRequest = call.decode()?;
    let asker = Asker {
        broker: Arc::clone(call.broker),
        context: call.context.clone(),
        version: call.version(),
        wants_operations: request.include_authorized_operations,
    };
    let responder = call.responder;
    // The ids of the groups are slices of the frame.
    let reservation = call.reservation.take();
    Ok(start(call.broker, async move {
        let groups = request
            .groups
            .into_iter()
            .map(|group_id| describe(&asker, group_id));
        let response = DescribeGroupsResponse::default().with_groups(join_all(groups).await);
        let response = responder.response(&response);
        drop(reservation);
        response
    }))
}

async fn describe(asker: &Asker, group_id: WireGroup) -> DescribedGroup {
    let broker = &asker.broker;
    if !may(broker, &asker.context, Operation::Describe, &group_id) {
        return refusal(group_id, ErrorCode::GROUP_AUTHORIZATION_FAILED);
    }
    let request = DescribeRequest {
        group_id: GroupId::from(group_id.as_str()),
    };
    let mut described = match ask(broker, &group_id, Request::Describe(request)).await {
        Ok(GroupReply::Describe(group)) => answer(asker.version, group),
        Ok(other) => refusal(group_id.clone(), mismatch(&other)),
        Err(error) => refusal(group_id.clone(), error),
    };
    if asker.wants_operations && described.error_code == ErrorCode::NONE.code() {
        let resource = Resource::group(&group_id);
        described.authorized_operations =
            authorized_operations(broker.authorizer.as_ref(), &asker.context, &resource);
    }
    described
}

pub(super) fn answer(version: i16, group: GroupDescription) -> DescribedGroup {
    let id = group.group_id.as_str();
    let described = DescribedGroup::default()
        .with_group_id(WireGroup(wire_text(id)))
        .with_group_state(StrBytes::from_static_str(group.state.name()));
    if let Some(error) = group.error {
        if version < NOT_FOUND_FROM {
            return described;
        }
        return described
            .with_error_code(errors::group(error).code())
            .with_error_message(Some(not_found(id)));
    }
    let members = group.members.into_iter().map(wire_member);
    described
        .with_protocol_type(StrBytes::from_string(group.protocol_type))
        .with_protocol_data(StrBytes::from_string(group.protocol))
        .with_members(members.collect())
}

/// What Kafka's tools print of a group that does not exist.
pub(super) fn not_found(group_id: &str) -> StrBytes {
    StrBytes::from_string(format!("Group {group_id} not found."))
}

fn wire_member(member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(wire_text(member.member_id.as_str()))
        .with_group_instance_id(member.group_instance_id.map(|id| wire_text(id.as_str())))
        .with_client_id(StrBytes::from_string(member.client_id))
        .with_client_host(StrBytes::from_string(member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

fn refusal(group_id: WireGroup, error: ErrorCode) -> DescribedGroup {
    DescribedGroup::default()
        .with_group_id(group_id)
        .with_error_code(error.code())
}
