//! ConsumerGroupDescribe: groups of the protocol of KIP-848, of which there are none yet.
//!
//! It is served because tools ask it first of every group, and turn to DescribeGroups when they
//! are told that the group is not of this kind.

use std::sync::Arc;

use futures_util::future::join_all;
use highwater_groups::{DescribeRequest, GroupId, Reply as GroupReply, Request};
use highwater_net::Reply;
use highwater_protocol::messages::consumer_group_describe_response::DescribedGroup;
use highwater_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, GroupId as WireGroup,
};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::{Operation, RequestContext};

use super::describe::not_found;
use super::{ask, may, mismatch, start};
use crate::broker::Broker;
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: ConsumerGroupDescribeRequest = call.decode()?;
    let (broker, context) = (Arc::clone(call.broker), call.context.clone());
    let responder = call.responder;
    // The ids of the groups are slices of the frame.
    let reservation = call.reservation.take();
    Ok(start(call.broker, async move {
        let ids = request.group_ids.into_iter();
        let groups = join_all(ids.map(|group_id| describe(&broker, &context, group_id))).await;
        let response = ConsumerGroupDescribeResponse::default().with_groups(groups);
        let response = responder.response(&response);
        drop(reservation);
        response
    }))
}

async fn describe(
    broker: &Arc<Broker>,
    context: &RequestContext,
    group_id: WireGroup,
) -> DescribedGroup {
    let described = DescribedGroup::default().with_group_id(group_id.clone());
    let refuse = |error: ErrorCode| described.clone().with_error_code(error.code());
    if !may(broker, context, Operation::Describe, &group_id) {
        return refuse(ErrorCode::GROUP_AUTHORIZATION_FAILED);
    }
    if group_id.is_empty() {
        return refuse(ErrorCode::INVALID_GROUP_ID);
    }
    let request = DescribeRequest {
        group_id: GroupId::from(group_id.as_str()),
    };
    match ask(broker, &group_id, Request::Describe(request)).await {
        Ok(GroupReply::Describe(group)) => refuse(ErrorCode::GROUP_ID_NOT_FOUND)
            .with_error_message(Some(message(&group_id, group.error.is_none()))),
        Ok(other) => refuse(mismatch(&other)),
        Err(error) => refuse(error),
    }
}

fn message(group_id: &str, exists: bool) -> StrBytes {
    if exists {
        return StrBytes::from_string(format!("Group {group_id} is not a consumer group."));
    }
    not_found(group_id)
}
