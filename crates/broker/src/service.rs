//! From a frame to a handler: header, version, dispatch.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use highwater_net::{Answer, ConnectionInfo, Frame, Reply, Reservation, Response, Service};
use highwater_protocol::{
    DecodeError, Encodable, EncodeError, RequestHeader, ServedRequest, api_name, decode_request,
    encode_response, parse_request_header, range,
};
use highwater_security::RequestContext;

use crate::broker::Broker;
use crate::handlers;

/// What the broker remembers of a connection.
pub(crate) struct Session {
    pub(crate) context: RequestContext,
}

/// Writes the response to one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Responder {
    pub(crate) api_key: i16,
    pub(crate) api_version: i16,
    pub(crate) correlation_id: i32,
}

impl Responder {
    /// The response frame; `None`, which ends the connection, if the message cannot be written.
    pub(crate) fn response<M: Encodable>(self, body: &M) -> Option<Response> {
        self.written(|version, correlation_id, out| {
            encode_response(self.api_key, version, correlation_id, body, out)
        })
    }

    fn written(
        self,
        write: impl FnOnce(i16, i32, &mut BytesMut) -> Result<(), EncodeError>,
    ) -> Option<Response> {
        let mut out = BytesMut::new();
        match write(self.api_version, self.correlation_id, &mut out) {
            Ok(()) => Some(Response::from_bytes(out.freeze())),
            Err(error) => {
                tracing::error!(
                    api = api_name(self.api_key), version = self.api_version, %error,
                    "a response could not be encoded"
                );
                None
            }
        }
    }

    /// The response as a reply.
    pub(crate) fn reply<M: Encodable>(self, body: &M) -> Reply {
        self.response(body).map_or(Reply::Close, Reply::Now)
    }
}

/// One request on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) broker: &'a Arc<Broker>,
    pub(crate) context: &'a RequestContext,
    pub(crate) responder: Responder,
    /// The memory of the frame, for handlers that keep slices of it.
    pub(crate) reservation: Option<Reservation>,
    body: Bytes,
}

impl Call<'_> {
    /// The version of the request.
    pub(crate) fn version(&self) -> i16 {
        self.responder.api_version
    }

    /// Decodes the body; no count or length in it is believed before it was checked.
    pub(crate) fn decode<M: ServedRequest>(&mut self) -> Result<M, DecodeError> {
        decode_request(
            self.responder.api_key,
            self.responder.api_version,
            &mut self.body,
        )
    }

    /// The raw body, for a handler that answers versions which nobody can decode.
    pub(crate) fn reply<M: Encodable>(&self, body: &M) -> Reply {
        self.responder.reply(body)
    }

    /// Does work that waits for the disk on a thread of its own, and answers when it is done. No
    /// later request of the connection is begun before.
    pub(crate) fn blocking<M, F>(&mut self, work: F) -> Reply
    where
        M: Encodable + Send + 'static,
        F: FnOnce(&Arc<Broker>, &RequestContext) -> M + Send + 'static,
    {
        let api_key = self.responder.api_key;
        let encode = move |version, correlation_id, body: &M, out: &mut BytesMut| {
            encode_response(api_key, version, correlation_id, body, out)
        };
        self.blocking_with(encode, work)
    }

    /// [`Call::blocking`] with a response that the codec cannot write in every version.
    pub(crate) fn blocking_with<M, E, F>(&mut self, encode: E, work: F) -> Reply
    where
        M: Send + 'static,
        E: FnOnce(i16, i32, &M, &mut BytesMut) -> Result<(), EncodeError> + Send + 'static,
        F: FnOnce(&Arc<Broker>, &RequestContext) -> M + Send + 'static,
    {
        let (broker, context, responder) = (
            Arc::clone(self.broker),
            self.context.clone(),
            self.responder,
        );
        // The work keeps what was decoded, and with it the frame.
        let reservation = self.reservation.take();
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&broker, &context);
            drop(reservation);
            responder
                .written(|version, correlation_id, out| encode(version, correlation_id, &done, out))
        });
        Reply::Aside(Box::pin(async move { task.await.ok().flatten() }))
    }
}

/// The broker as the network layer calls it.
pub(crate) struct BrokerService(pub(crate) Arc<Broker>);

impl Service for BrokerService {
    type Connection = Session;

    fn connected(&self, info: ConnectionInfo) -> Session {
        let host = info.peer.ip().to_canonical().to_string();
        Session {
            context: RequestContext::anonymous(&info.listener, &host, info.id),
        }
    }

    fn call(&self, session: &mut Session, frame: Frame) -> Reply {
        let Frame {
            mut bytes,
            reservation,
        } = frame;
        let header = match parse_request_header(&mut bytes) {
            Ok(header) => header,
            Err(error) => {
                tracing::info!(
                    client = &*session.context.client_host, %error,
                    "closing a connection that sent an unreadable request"
                );
                return Reply::Close;
            }
        };
        let started = std::time::Instant::now();
        let api_key = header.api_key;
        // A fault in one handler must not take the process, or another connection, with it.
        let reply = catch_unwind(AssertUnwindSafe(|| {
            self.dispatch(session, &header, bytes, reservation)
        }));
        let reply = reply.unwrap_or_else(|_| {
            tracing::error!(
                api = api_name(api_key),
                version = header.api_version,
                client = &*session.context.client_host,
                client_id = session.context.client_id(),
                "a handler panicked; closing its connection"
            );
            Reply::Close
        });
        self.timed(reply, api_key, started)
    }
}

impl BrokerService {
    /// Counts the request, and how long it takes until its answer is ready.
    fn timed(&self, reply: Reply, api_key: i16, started: std::time::Instant) -> Reply {
        let took = started.elapsed();
        self.0.metrics.handled(api_key, took);
        let broker = Arc::clone(&self.0);
        let timed = |answer: Answer| -> Answer {
            Box::pin(async move {
                let response = answer.await;
                broker.metrics.answered(api_key, started.elapsed());
                response
            })
        };
        match reply {
            Reply::Later(answer) => Reply::Later(timed(answer)),
            Reply::Aside(answer) => Reply::Aside(timed(answer)),
            answered => {
                self.0.metrics.answered(api_key, took);
                answered
            }
        }
    }

    fn dispatch(
        &self,
        session: &mut Session,
        header: &RequestHeader,
        body: Bytes,
        reservation: Reservation,
    ) -> Reply {
        let client_id = header.client_id.as_ref().map(|id| id.as_str());
        if session.context.client_id.as_deref() != client_id {
            session.context.client_id = client_id.map(Arc::from);
        }
        let mut call = Call {
            broker: &self.0,
            context: &session.context,
            responder: Responder {
                api_key: header.api_key,
                api_version: header.api_version,
                correlation_id: header.correlation_id,
            },
            reservation: Some(reservation),
            body,
        };
        if !is_served(header) {
            return refuse_version(&call);
        }
        match handlers::dispatch(&mut call) {
            Ok(reply) => reply,
            Err(error) => {
                tracing::info!(
                    client = &*session.context.client_host,
                    client_id = session.context.client_id(), %error,
                    "closing a connection that sent a malformed request"
                );
                Reply::Close
            }
        }
    }
}

fn is_served(header: &RequestHeader) -> bool {
    range(header.api_key)
        .is_some_and(|api| (api.decodable_min..=api.max).contains(&header.api_version))
}

/// Only ApiVersions is answered in a version that was not asked for; everybody else could not
/// read the answer.
fn refuse_version(call: &Call<'_>) -> Reply {
    if call.responder.api_key == 18 {
        return handlers::api_versions::unsupported_version(call);
    }
    tracing::info!(
        api = api_name(call.responder.api_key),
        version = call.version(),
        client = &*call.context.client_host,
        client_id = call.context.client_id(),
        "closing a connection that asked for an API or version that is not served"
    );
    Reply::Close
}
