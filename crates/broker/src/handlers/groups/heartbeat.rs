//! Heartbeat: a member says that it is alive, and learns whether it has to rejoin.

use std::sync::Arc;

use highwater_groups::{
    GroupId, HeartbeatRequest as GroupHeartbeat, MemberId, Reply as GroupReply, Request,
};
use highwater_net::Reply;
use highwater_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::Operation;

use super::{ask, check, code_of, instance_id, mismatch, start};
use crate::service::Call;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: HeartbeatRequest = call.decode()?;
    if let Err(error) = check(call, Operation::Read, &request.group_id) {
        return Ok(call.reply(&response(error)));
    }
    let heartbeat = GroupHeartbeat {
        group_id: GroupId::from(request.group_id.as_str()),
        member_id: MemberId::from(request.member_id.as_str()),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        generation: request.generation_id,
    };
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    Ok(start(call.broker, async move {
        let group_id = heartbeat.group_id.clone();
        let answer = ask(&broker, group_id.as_str(), Request::Heartbeat(heartbeat)).await;
        responder.response(&response(code(answer)))
    }))
}

/// While the group is being loaded nobody's session runs, so the member may as well be content:
/// clients take the error as a loss of their coordinator.
pub(super) fn code(answer: Result<GroupReply, ErrorCode>) -> ErrorCode {
    match answer {
        Ok(GroupReply::Heartbeat(result)) => code_of(&result),
        Ok(other) => mismatch(&other),
        Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS) => ErrorCode::NONE,
        Err(error) => error,
    }
}

fn response(error: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(error.code())
}
