//! A client that asks one thing at a time: for topics, and for the first answer of a broker.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::wire::{self, FetchFrom};

const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const RESPONSE_BYTES_MAX: usize = 64 << 20;
const TOPIC_EXISTS: i16 = 36;

/// A blocking connection, which is made again after it was lost: a broker that is about to be
/// ready may close one.
pub(crate) struct Control {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Control {
    /// Connects once.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            address,
            stream: Some(connected(address)?),
        })
    }

    /// Connects as soon as somebody listens.
    pub(crate) fn connect_when_up(address: SocketAddr, deadline: Instant) -> Result<Self> {
        until(deadline, || Self::connect(address))
    }

    /// One request and its response.
    pub(crate) fn call(&mut self, frame: &[u8]) -> Result<Vec<u8>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connected(self.address)?,
        };
        stream.write_all(frame)?;
        let mut len = [0; 4];
        stream.read_exact(&mut len)?;
        let len = u32::from_be_bytes(len) as usize;
        if len > RESPONSE_BYTES_MAX {
            bail!("a response of {len} bytes");
        }
        let mut response = vec![0; len];
        stream.read_exact(&mut response)?;
        self.stream = Some(stream);
        Ok(response)
    }

    /// Creates a topic, and waits until every partition has a leader.
    pub(crate) fn create_topic(
        &mut self,
        topic: &str,
        partitions: u32,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let create = wire::create_topic(topic, partitions, configs);
        until(deadline, || {
            match wire::topic_error(&self.call(&create)?)? {
                0 | TOPIC_EXISTS => Ok(()),
                error => bail!("topic {topic} was refused with code {error}"),
            }
        })?;
        self.await_leaders(topic, partitions, deadline)
    }

    /// Waits until so many partitions of a topic have a leader.
    pub(crate) fn await_leaders(
        &mut self,
        topic: &str,
        partitions: u32,
        deadline: Instant,
    ) -> Result<()> {
        let metadata = wire::metadata(topic);
        until(deadline, || {
            let led = wire::partitions_led(&self.call(&metadata)?)?;
            if led < partitions {
                bail!("{led} of {partitions} partitions of {topic} have a leader");
            }
            Ok(())
        })
    }

    /// Waits until every partition of a topic is served, which comes a little after its leader
    /// is told.
    pub(crate) fn await_served(&mut self, topic: &str, partitions: u32) -> Result<()> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        for partition in 0..i32::try_from(partitions)? {
            let fetch = wire::fetch(&FetchFrom {
                topic,
                partition,
                offset: 0,
                bytes_max: 1,
                wait_ms_max: 0,
            });
            until(deadline, || wire::fetched(&self.call(&fetch)?))?;
        }
        Ok(())
    }

    /// Deletes a topic.
    pub(crate) fn delete_topic(&mut self, topic: &str) -> Result<()> {
        match wire::topic_error(&self.call(&wire::delete_topic(topic))?)? {
            0 => Ok(()),
            error => bail!("deletion of {topic} was refused with code {error}"),
        }
    }
}

fn connected(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
}

/// Tries until it works, as a client would who waits for a broker.
pub(crate) fn until<T>(deadline: Instant, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error).context("the broker took too long");
            }
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
}
