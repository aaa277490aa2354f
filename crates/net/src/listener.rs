//! Accepting connections, and ending them all.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::registry::{Order, Registry};
use crate::{Budget, ConnectionCounts, ConnectionInfo, NetConfig, Service};

/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;
/// How long the acceptor rests when the process is out of file descriptors.
const EXHAUSTED_REST: Duration = Duration::from_millis(100);
/// How long it rests after any other failure, so that one that stays does not own a thread.
const FAILURE_REST: Duration = Duration::from_millis(5);
/// How long connections that were cut off may take to end what they are doing.
const ABORT_MAX: Duration = Duration::from_secs(2);
/// How often overdue connections are looked for.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {name}: {source}")]
pub struct ListenerError {
    /// The listener's name.
    pub name: String,
    /// The address as configured.
    pub address: String,
    /// Why.
    pub source: io::Error,
}

/// A listener that is bound, so that its port is known, and not yet accepting.
#[derive(Debug)]
pub struct BoundListener {
    name: Arc<str>,
    inner: TcpListener,
}

impl BoundListener {
    /// Binds the first address that `host` resolves to and that can be bound.
    pub async fn bind(name: &str, host: &str, port: u16) -> Result<Self, ListenerError> {
        let fail = |source| ListenerError {
            name: name.to_owned(),
            address: format!("{host}:{port}"),
            source,
        };
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in tokio::net::lookup_host((host, port)).await.map_err(fail)? {
            match Self::bind_address(address) {
                Ok(inner) => {
                    return Ok(Self {
                        name: name.into(),
                        inner,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(fail(last))
    }

    fn bind_address(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4()?,
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6()?,
        };
        // A restarted broker takes its port back at once.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG as u32)
    }

    /// The address that was bound; its port is real even if 0 was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    /// The listener's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What the acceptors of one server share.
struct Server<S: Service> {
    service: Arc<S>,
    registry: Arc<Registry>,
    config: Arc<watch::Sender<NetConfig>>,
    budget: Arc<Budget>,
}

impl<S: Service> Clone for Server<S> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            registry: Arc::clone(&self.registry),
            config: Arc::clone(&self.config),
            budget: Arc::clone(&self.budget),
        }
    }
}

/// The running server: drop it and everything ends, or shut it down in order.
pub struct ServerHandle {
    registry: Arc<Registry>,
    config: Arc<watch::Sender<NetConfig>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Serves these listeners until the handle is shut down or dropped.
pub fn serve<S: Service>(
    listeners: Vec<BoundListener>,
    service: Arc<S>,
    config: NetConfig,
    budget: Arc<Budget>,
) -> ServerHandle {
    let registry = Arc::new(Registry::new());
    let config = Arc::new(watch::Sender::new(config));
    let server = Server {
        service,
        registry: Arc::clone(&registry),
        config: Arc::clone(&config),
        budget,
    };
    let mut tasks: Vec<_> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(accept(listener, server.clone())))
        .collect();
    let (swept, limits) = (Arc::clone(&registry), Arc::clone(&config));
    tasks.push(tokio::spawn(async move {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            swept.sweep(&limits.borrow());
        }
    }));
    ServerHandle {
        registry,
        config,
        tasks: Mutex::new(tasks),
    }
}

impl ServerHandle {
    /// How many connections there are, and were.
    pub fn counts(&self) -> ConnectionCounts {
        self.registry.counts()
    }

    /// Changes the limits; connections that exist keep their frame length.
    pub fn set_config(&self, config: NetConfig) {
        self.config.send_replace(config);
    }

    /// Accepts no more, lets every connection answer what it has read, and ends. Returns the
    /// number of connections that did not finish before the deadline and were cut off.
    pub async fn shut_down(&self, deadline: Duration) -> usize {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.abort();
            // An acceptor may be about to let one more in, who would hear of no order.
            let _ = task.await;
        }
        self.registry.order_all(Order::Drain);
        let drained = tokio::time::timeout(deadline, self.wait_until_empty()).await;
        let left = if drained.is_ok() {
            0
        } else {
            self.registry.open()
        };
        self.registry.order_all(Order::Abort);
        // Nothing reaches the service any more when this returns.
        let _ = tokio::time::timeout(ABORT_MAX, self.wait_until_empty()).await;
        left
    }

    async fn wait_until_empty(&self) {
        loop {
            let ended = self.registry.ended.notified();
            if self.registry.open() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().drain(..) {
            task.abort();
        }
        self.registry.order_all(Order::Abort);
    }
}

async fn accept<S: Service>(listener: BoundListener, server: Server<S>) {
    loop {
        wait_for_room(&server).await;
        match listener.inner.accept().await {
            Ok((stream, peer)) => admit(stream, peer, &listener.name, &server),
            Err(error) if is_exhaustion(&error) => {
                tracing::warn!(listener = &*listener.name, %error, "cannot accept; resting");
                tokio::time::sleep(EXHAUSTED_REST).await;
            }
            Err(error) => {
                tracing::debug!(listener = &*listener.name, %error, "a peer left before it was accepted");
                tokio::time::sleep(FAILURE_REST).await;
            }
        }
    }
}

fn is_exhaustion(error: &io::Error) -> bool {
    let number = error.raw_os_error().unwrap_or_default();
    [
        rustix::io::Errno::MFILE,
        rustix::io::Errno::NFILE,
        rustix::io::Errno::NOBUFS,
    ]
    .iter()
    .chain(&[rustix::io::Errno::NOMEM])
    .any(|errno| errno.raw_os_error() == number)
}

async fn wait_for_room<S: Service>(server: &Server<S>) {
    let mut told = false;
    let mut config = server.config.subscribe();
    loop {
        let ended = server.registry.ended.notified();
        let limit = config.borrow_and_update().connections_max;
        if server.registry.open() < limit {
            return;
        }
        if !told {
            tracing::warn!(limit, "max.connections is reached; new peers wait");
            told = true;
        }
        tokio::select! {
            () = ended => {}
            // The sender lives as long as the server, so this is a change of the limit.
            _ = config.changed() => {}
        }
    }
}

fn admit<S: Service>(stream: TcpStream, peer: SocketAddr, listener: &Arc<str>, server: &Server<S>) {
    let config = server.config.borrow().clone();
    let Some(entry) = server.registry.enter(peer.ip().to_canonical(), &config) else {
        tracing::info!(client = %peer, "turned away: max.connections.per.ip is reached");
        return;
    };
    if let Err(error) = set_options(&stream, &config) {
        tracing::debug!(client = %peer, %error, "socket options could not be set");
    }
    let info = ConnectionInfo {
        id: entry.0,
        peer,
        listener: Arc::clone(listener),
    };
    let state = server.service.connected(info);
    tokio::spawn(Connection::new(
        stream,
        entry,
        Arc::clone(&server.registry),
        Arc::clone(&server.service),
        state,
        (&config, Arc::clone(&server.budget)),
    ));
}

fn set_options(stream: &TcpStream, config: &NetConfig) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(bytes) = config.send_buffer_bytes {
        rustix::net::sockopt::set_socket_send_buffer_size(stream, bytes)?;
    }
    if let Some(bytes) = config.receive_buffer_bytes {
        rustix::net::sockopt::set_socket_recv_buffer_size(stream, bytes)?;
    }
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    Ok(())
}
