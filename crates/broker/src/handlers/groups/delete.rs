//! DeleteGroups: groups without members are forgotten with their offsets.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use highwater_groups::{DeleteGroupRequest, GroupId, Reply as GroupReply, Request};
use highwater_net::Reply;
use highwater_protocol::messages::delete_groups_response::DeletableGroupResult;
use highwater_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, GroupId as WireGroup,
};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::{Operation, RequestContext};

use super::{ask, code_of, may, mismatch, start};
use crate::broker::Broker;
use crate::service::Call;

/// Handles the request. A group that is named twice is deleted once, and answered once.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: DeleteGroupsRequest = call.decode()?;
    let (broker, context) = (Arc::clone(call.broker), call.context.clone());
    let responder = call.responder;
    // The ids of the groups are slices of the frame.
    let reservation = call.reservation.take();
    Ok(start(call.broker, async move {
        let named = distinct(request.groups_names).into_iter();
        let results = join_all(named.map(|group_id| delete(&broker, &context, group_id))).await;
        let response = DeleteGroupsResponse::default().with_results(results);
        let response = responder.response(&response);
        drop(reservation);
        response
    }))
}

pub(super) fn distinct(mut groups: Vec<WireGroup>) -> Vec<WireGroup> {
    let mut seen = BTreeSet::new();
    groups.retain(|group| seen.insert(group.clone()));
    groups
}

async fn delete(
    broker: &Arc<Broker>,
    context: &RequestContext,
    group_id: WireGroup,
) -> DeletableGroupResult {
    let error = if may(broker, context, Operation::Delete, &group_id) {
        let id = GroupId::from(group_id.as_str());
        let request = Request::DeleteGroup(DeleteGroupRequest { group_id: id });
        match ask(broker, &group_id, request).await {
            Ok(GroupReply::DeleteGroup(result)) => code_of(&result),
            Ok(other) => mismatch(&other),
            Err(error) => error,
        }
    } else {
        ErrorCode::GROUP_AUTHORIZATION_FAILED
    };
    DeletableGroupResult::default()
        .with_group_id(group_id)
        .with_error_code(error.code())
}
