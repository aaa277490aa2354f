//! Groups and their offsets: from the wire to the machines of the coordinator, and back.
//!
//! A handler checks what only the edge knows (who asks, which topics exist, what a version
//! cannot say) and leaves every decision about a group to its machine.

pub(crate) mod consumer_describe;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod heartbeat;
pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod list;
pub(crate) mod offset_commit;
pub(crate) mod offset_delete;
pub(crate) mod offset_fetch;
mod plan;
pub(crate) mod sync;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use highwater_groups::{GroupError, InstanceId, Reply as GroupReply, Request};
use highwater_net::{Answer, Reply, Response};
use highwater_protocol::{ErrorCode, StrBytes};
use highwater_security::{Operation, RequestContext, Resource};

use crate::broker::Broker;
use crate::coordinator::OFFSETS_TOPIC;
use crate::handlers::errors;
use crate::service::Call;

/// What a client may say of its motives ends up in the log, so it is cut as clients cut it.
const REASON_CHARS_MAX: usize = 255;

/// Starts the work before the next request of the connection is read, so that requests reach
/// the machine in the order in which they were sent; what is finished by that is answered now.
fn start(broker: &Broker, work: impl Future<Output = Option<Response>> + Send + 'static) -> Reply {
    // The machine is not asked before its topic is made.
    start_on(Topic::of(broker, OFFSETS_TOPIC), work)
}

/// Whether the topic of a machine has been made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Made,
    Missing,
}

impl Topic {
    pub(super) fn of(broker: &Broker, name: &str) -> Self {
        match broker.metadata.image().topic(name) {
            Some(_) => Self::Made,
            None => Self::Missing,
        }
    }
}

/// The same for any machine. Later requests wait until its topic is made.
pub(super) fn start_on(
    topic: Topic,
    work: impl Future<Output = Option<Response>> + Send + 'static,
) -> Reply {
    let unfinished: fn(Answer) -> Reply = match topic {
        Topic::Made => Reply::Later,
        Topic::Missing => Reply::Aside,
    };
    let mut work: Answer = Box::pin(work);
    // The connection polls again with a waker of its own, so nothing is lost with this one.
    match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(response) => response.map_or(Reply::Close, Reply::Now),
        Poll::Pending => unfinished(work),
    }
}

/// Asks the machine of a group.
async fn ask(
    broker: &Arc<Broker>,
    group_id: &str,
    request: Request,
) -> Result<GroupReply, ErrorCode> {
    let answer = broker.groups.call(broker, group_id, request).await;
    answer.map_err(coordinator_error)
}

/// What clients of every version take as a reason to look for the coordinator again. They know
/// few errors of it; why its topic could not be made is not theirs to understand.
pub(super) fn coordinator_error(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => error,
        _ => ErrorCode::COORDINATOR_NOT_AVAILABLE,
    }
}

/// A machine answered something else than it was asked, which no client could have caused.
pub(super) fn mismatch(reply: &GroupReply) -> ErrorCode {
    tracing::error!(
        ?reply,
        "a group answered another request than was put to it"
    );
    ErrorCode::UNKNOWN_SERVER_ERROR
}

/// Whether the sender may do something to a group.
fn may(broker: &Broker, context: &RequestContext, operation: Operation, group_id: &str) -> bool {
    let resource = Resource::group(group_id);
    broker
        .authorizer
        .authorize(context, operation, &resource)
        .is_allowed()
}

/// Whether the request may go to the group; only offsets may be kept for a group without name.
fn check(call: &Call<'_>, operation: Operation, group_id: &str) -> Result<(), ErrorCode> {
    if !may(call.broker, call.context, operation, group_id) {
        return Err(ErrorCode::GROUP_AUTHORIZATION_FAILED);
    }
    if group_id.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    Ok(())
}

pub(super) fn instance_id(wire: Option<&StrBytes>) -> Option<InstanceId> {
    wire.map(|id| InstanceId::from(id.as_str()))
}

fn reason(wire: Option<&StrBytes>) -> Option<String> {
    let said = wire.filter(|reason| !reason.is_empty())?;
    Some(said.chars().take(REASON_CHARS_MAX).collect())
}

fn wire_text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn code_of<T>(result: &Result<T, GroupError>) -> ErrorCode {
    result
        .as_ref()
        .err()
        .map_or(ErrorCode::NONE, |error| errors::group(*error))
}
