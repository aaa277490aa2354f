//! One thread that serves all connections of a work: it sends what a [`Plan`] says, when it
//! says so, and hands back what comes.

use std::{
    net::SocketAddr,
    os::fd::AsFd as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::socket::Socket;

mod closed;
mod open;

pub(crate) use closed::ClosedLoop;
pub(crate) use open::{OpenLoop, due_at};

/// Read buffer of the driver, shared by all connections.
const SCRATCH_BYTES: usize = 512 * 1024;

/// What to do next.
pub(crate) enum Step {
    /// Send this on that connection.
    Send(usize, Arc<[u8]>),
    /// Wait for a response, but not beyond this instant.
    WaitUntil(Instant),
    /// All is done.
    Finished,
}

/// A load: decides what is sent when, and counts what comes.
pub(crate) trait Plan {
    /// What to do at this instant.
    fn step(&mut self, now: Instant) -> Result<Step>;

    /// A response has come on a connection; `head` is its beginning behind the length.
    fn on_response(&mut self, connection: usize, head: &[u8], now: Instant) -> Result<()>;
}

/// Connections to one broker.
pub(crate) struct Driver {
    sockets: Vec<Socket>,
    scratch: Vec<u8>,
}

impl Driver {
    /// Opens so many connections.
    pub(crate) fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let sockets: Result<Vec<_>> = (0..connections).map(|_| Socket::connect(address)).collect();
        Ok(Self {
            sockets: sockets?,
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    /// Carries a plan out.
    pub(crate) fn run(&mut self, plan: &mut impl Plan) -> Result<()> {
        loop {
            match plan.step(Instant::now())? {
                Step::Send(connection, frame) => match self.sockets.get_mut(connection) {
                    Some(socket) => socket.send(frame)?,
                    None => bail!("there is no connection {connection}"),
                },
                Step::WaitUntil(until) => self.wait(plan, until)?,
                Step::Finished => return Ok(()),
            }
        }
    }

    fn wait(&mut self, plan: &mut impl Plan, until: Instant) -> Result<()> {
        let ready: Vec<PollFlags> = {
            let mut polled: Vec<PollFd<'_>> = self
                .sockets
                .iter()
                .map(|socket| {
                    let blocked = socket.is_blocked();
                    let out = if blocked {
                        PollFlags::OUT
                    } else {
                        PollFlags::empty()
                    };
                    PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN | out)
                })
                .collect();
            let left = until.saturating_duration_since(Instant::now());
            match poll(&mut polled, Some(&timespec(left))) {
                Ok(_) => polled.iter().map(PollFd::revents).collect(),
                Err(rustix::io::Errno::INTR) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        };
        for (index, (socket, flags)) in self.sockets.iter_mut().zip(ready).enumerate() {
            if flags.contains(PollFlags::OUT) {
                socket.flush()?;
            }
            if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                socket.receive(&mut self.scratch, |head| {
                    plan.on_response(index, head, Instant::now())
                })?;
            }
        }
        Ok(())
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// Asks the kernel to wake this process when its timers are due and not up to 50 µs later.
pub(crate) fn sharpen_timers() {
    std::fs::write("/proc/self/timerslack_ns", "1").ok();
}
