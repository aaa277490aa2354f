//! LeaveGroup: a member goes, or an administrator removes some.

use std::sync::Arc;

use highwater_groups::{
    GroupError, GroupId, LeaveRequest, LeavingMember, LeftMember, MemberId, Reply as GroupReply,
    Request,
};
use highwater_net::Reply;
use highwater_protocol::messages::leave_group_response::MemberResponse;
use highwater_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use highwater_protocol::{DecodeError, ErrorCode};
use highwater_security::Operation;

use super::{ask, check, code_of, instance_id, mismatch, reason, start, wire_text};
use crate::handlers::errors;
use crate::service::Call;

/// From here on one request names several members, and each has an error of its own (KIP-345).
const BATCHED_FROM: i16 = 3;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: LeaveGroupRequest = call.decode()?;
    let version = call.version();
    if let Err(error) = check(call, Operation::Read, &request.group_id) {
        return Ok(call.reply(&refusal(error)));
    }
    let leave = LeaveRequest {
        group_id: GroupId::from(request.group_id.as_str()),
        members: leaving_members(version, &request),
    };
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    Ok(start(call.broker, async move {
        let group_id = leave.group_id.clone();
        let response = match ask(&broker, group_id.as_str(), Request::Leave(leave)).await {
            Ok(GroupReply::Leave(reply)) => answer(version, reply),
            Ok(other) => refusal(mismatch(&other)),
            Err(error) => refusal(error),
        };
        responder.response(&response)
    }))
}

fn leaving_members(version: i16, request: &LeaveGroupRequest) -> Vec<LeavingMember> {
    if version < BATCHED_FROM {
        return vec![LeavingMember {
            member_id: MemberId::from(request.member_id.as_str()),
            group_instance_id: None,
            reason: None,
        }];
    }
    let members = request.members.iter().map(|member| LeavingMember {
        member_id: MemberId::from(member.member_id.as_str()),
        group_instance_id: instance_id(member.group_instance_id.as_ref()),
        reason: reason(member.reason.as_ref()),
    });
    members.collect()
}

pub(super) fn answer(
    version: i16,
    reply: Result<Vec<LeftMember>, GroupError>,
) -> LeaveGroupResponse {
    let left = match reply {
        Ok(left) => left,
        Err(error) => return refusal(errors::group(error)),
    };
    if version < BATCHED_FROM {
        let only = left
            .first()
            .map_or(ErrorCode::NONE, |member| code_of(&member.result));
        return refusal(only);
    }
    let members = left.into_iter().map(|member| {
        MemberResponse::default()
            .with_member_id(wire_text(member.member_id.as_str()))
            .with_group_instance_id(member.group_instance_id.map(|id| wire_text(id.as_str())))
            .with_error_code(code_of(&member.result).code())
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

fn refusal(error: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse::default().with_error_code(error.code())
}
