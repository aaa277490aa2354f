//! Listeners and connections: frames in, ordered responses out, within a memory budget.
//!
//! A connection is one task. It reads a frame, hands it to the [`Service`], and the part of
//! the work that fixes an order (an append, say) is done before `call` returns; what is left
//! is a future that the same task polls. So requests of a connection are processed in order
//! and answered in order, many may be in flight, and none costs a hand-off between threads.
//! Only work that is done aside, on a thread that may wait for a disk, holds the next request
//! back until it is done.
//!
//! The crate knows lengths, not messages: what a frame means is the service's business.

mod budget;
mod connection;
mod inbound;
mod listener;
mod outbound;
mod registry;
mod service;

pub use budget::{Budget, Reservation};
pub use listener::{BoundListener, ListenerError, ServerHandle, serve};
pub use registry::ConnectionCounts;
pub use service::{Answer, ConnectionInfo, FileSource, Frame, Piece, Reply, Response, Service};

use std::collections::HashMap;
use std::net::IpAddr;

/// The bounds under which connections live.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// Longest frame, without its four length bytes (`socket.request.max.bytes`).
    pub request_bytes_max: usize,
    /// Most connections at once over all listeners (`max.connections`).
    pub connections_max: usize,
    /// Most connections at once from one address (`max.connections.per.ip`).
    pub connections_per_ip_max: usize,
    /// Exceptions from the bound per address (`max.connections.per.ip.overrides`).
    pub connections_per_ip_overrides: HashMap<IpAddr, usize>,
    /// A connection on which nothing happens for this long is closed
    /// (`connections.max.idle.ms`).
    pub idle_ms_max: u64,
    /// A frame that has begun must be whole, or have come a good deal further, within this
    /// time, or its sender is cut off.
    pub frame_ms_max: u64,
    /// A response that the peer does not take within this time ends the connection.
    pub stalled_write_ms_max: u64,
    /// Requests of one connection that may wait for their answers at once; further ones stay
    /// in the socket.
    pub in_flight_max: usize,
    /// Send buffer of accepted sockets, if not the system's choice.
    pub send_buffer_bytes: Option<usize>,
    /// Receive buffer of accepted sockets, if not the system's choice.
    pub receive_buffer_bytes: Option<usize>,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            request_bytes_max: 100 * 1024 * 1024,
            connections_max: usize::MAX,
            connections_per_ip_max: usize::MAX,
            connections_per_ip_overrides: HashMap::new(),
            idle_ms_max: 600_000,
            frame_ms_max: 30_000,
            stalled_write_ms_max: 60_000,
            in_flight_max: 256,
            send_buffer_bytes: None,
            receive_buffer_bytes: None,
        }
    }
}
