//! SyncGroup: the leader hands in the assignments, every member gets its own.

use std::sync::Arc;

use bytes::Bytes;
use highwater_groups::{
    GroupError, GroupId, MemberId, Reply as GroupReply, Request, SyncReply, SyncRequest,
};
use highwater_net::Reply;
use highwater_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::Operation;

use super::{ask, check, instance_id, mismatch, start};
use crate::handlers::errors;
use crate::service::Call;

/// From here on a member must say which protocol it takes the group to speak (KIP-559).
const PROTOCOL_FROM: i16 = 5;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: SyncGroupRequest = call.decode()?;
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    if call.version() >= PROTOCOL_FROM && !names_protocol {
        return Ok(call.reply(&refusal(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)));
    }
    if let Err(error) = check(call, Operation::Read, &request.group_id) {
        return Ok(call.reply(&refusal(error)));
    }
    let sync = sync_request(&request);
    // A member waits for its leader; the frame does not.
    drop(request);
    call.reservation = None;
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    Ok(start(call.broker, async move {
        let group_id = sync.group_id.clone();
        let response = match ask(&broker, group_id.as_str(), Request::Sync(sync)).await {
            Ok(GroupReply::Sync(reply)) => answer(reply),
            Ok(other) => refusal(mismatch(&other)),
            Err(error) => refusal(sync_error(error)),
        };
        responder.response(&response)
    }))
}

fn sync_request(request: &SyncGroupRequest) -> SyncRequest {
    let assignments = request.assignments.iter().map(|assigned| {
        let member_id = MemberId::from(assigned.member_id.as_str());
        (member_id, Bytes::copy_from_slice(&assigned.assignment))
    });
    SyncRequest {
        group_id: GroupId::from(request.group_id.as_str()),
        member_id: MemberId::from(request.member_id.as_str()),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments.collect(),
    }
}

fn answer(reply: Result<SyncReply, GroupError>) -> SyncGroupResponse {
    match reply {
        Ok(reply) => SyncGroupResponse::default()
            .with_protocol_type(reply.protocol_type.map(StrBytes::from_string))
            .with_protocol_name(reply.protocol.map(StrBytes::from_string))
            .with_assignment(reply.assignment),
        Err(error) => refusal(errors::group(error)),
    }
}

/// What is being loaded has forgotten the rebalance of which this is the second half, so the
/// member is told what makes it join again. That the group is being loaded is an error here
/// from which clients do not recover.
pub(super) fn sync_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => ErrorCode::REBALANCE_IN_PROGRESS,
        error => error,
    }
}

fn refusal(error: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(error.code())
}
