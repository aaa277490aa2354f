//! JoinGroup: a member wants to be part of the next generation.

use std::sync::Arc;

use bytes::Bytes;
use highwater_groups::{
    GroupId, JoinProtocol, JoinReply, JoinRequest, JoinedMember, MemberId, Reply as GroupReply,
    Request,
};
use highwater_net::Reply;
use highwater_protocol::messages::join_group_response::JoinGroupResponseMember;
use highwater_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use highwater_protocol::{DecodeError, ErrorCode, StrBytes};
use highwater_security::Operation;
use uuid::Uuid;

use super::{ask, check, instance_id, mismatch, reason, start, wire_text};
use crate::handlers::errors;
use crate::service::Call;

/// From here on a member says how long it may take to rejoin.
const REBALANCE_TIMEOUT_FROM: i16 = 1;
/// From here on a new member first gets an id and comes back with it (KIP-394).
const KNOWN_MEMBER_ID_FROM: i16 = 4;
/// From here on the name of the protocol may be null.
const NULL_PROTOCOL_FROM: i16 = 7;
/// From here on a leader understands that it need not assign (KIP-814).
const SKIP_ASSIGNMENT_FROM: i16 = 9;

/// Handles the request.
pub(crate) fn handle(call: &mut Call<'_>) -> Result<Reply, DecodeError> {
    let request: JoinGroupRequest = call.decode()?;
    let version = call.version();
    if let Err(error) = check(call, Operation::Read, &request.group_id) {
        let member_id = MemberId::from(request.member_id.as_str());
        return Ok(call.reply(&refusal(version, &member_id, error)));
    }
    let join = join_request(call, &request);
    // A member may wait for minutes; the frame does not.
    drop(request);
    call.reservation = None;
    let (broker, responder) = (Arc::clone(call.broker), call.responder);
    Ok(start(call.broker, async move {
        let (group_id, member_id) = (join.group_id.clone(), join.member_id.clone());
        let response = match ask(&broker, group_id.as_str(), Request::Join(join)).await {
            Ok(GroupReply::Join(reply)) => answer(version, reply),
            Ok(other) => refusal(version, &member_id, mismatch(&other)),
            Err(error) => refusal(version, &member_id, error),
        };
        responder.response(&response)
    }))
}

fn join_request(call: &Call<'_>, request: &JoinGroupRequest) -> JoinRequest {
    let version = call.version();
    let protocols = request.protocols.iter().map(|protocol| JoinProtocol {
        name: protocol.name.to_string(),
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    });
    JoinRequest {
        group_id: GroupId::from(request.group_id.as_str()),
        member_id: MemberId::from(request.member_id.as_str()),
        member_id_suffix: Uuid::new_v4().to_string(),
        group_instance_id: instance_id(request.group_instance_id.as_ref()),
        client_id: call.context.client_id().to_owned(),
        client_host: format!("/{}", call.context.client_host),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if version >= REBALANCE_TIMEOUT_FROM {
            request.rebalance_timeout_ms
        } else {
            request.session_timeout_ms
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        requires_known_member_id: version >= KNOWN_MEMBER_ID_FROM,
        supports_skipping_assignment: version >= SKIP_ASSIGNMENT_FROM,
        reason: reason(request.reason.as_ref()),
    }
}

pub(super) fn answer(version: i16, reply: JoinReply) -> JoinGroupResponse {
    let joined = match reply.result {
        Ok(joined) => joined,
        Err(error) => return refusal(version, &reply.member_id, errors::group(error)),
    };
    let members = joined.members.into_iter().map(wire_member);
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(joined.protocol_type.map(StrBytes::from_string))
        .with_protocol_name(wire_protocol(version, joined.protocol))
        .with_leader(wire_text(joined.leader.as_str()))
        .with_skip_assignment(joined.skip_assignment && version >= SKIP_ASSIGNMENT_FROM)
        .with_member_id(wire_text(reply.member_id.as_str()))
        .with_members(members.collect())
}

fn wire_member(member: JoinedMember) -> JoinGroupResponseMember {
    JoinGroupResponseMember::default()
        .with_member_id(wire_text(member.member_id.as_str()))
        .with_group_instance_id(member.group_instance_id.map(|id| wire_text(id.as_str())))
        .with_metadata(member.metadata)
}

fn wire_protocol(version: i16, protocol: Option<String>) -> Option<StrBytes> {
    match protocol {
        Some(protocol) => Some(StrBytes::from_string(protocol)),
        None if version >= NULL_PROTOCOL_FROM => None,
        None => Some(StrBytes::new()),
    }
}

fn refusal(version: i16, member_id: &MemberId, error: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_protocol_name(wire_protocol(version, None))
        .with_member_id(wire_text(member_id.as_str()))
}
