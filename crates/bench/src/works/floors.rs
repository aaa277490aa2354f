//! What this machine can do at best, without a broker: one thread that reads a socket, checks
//! the bytes and writes them to the page cache; `sendfile`; and the disk.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{FallocateFlags, fallocate, sendfile},
};

use crate::{
    bench::{Bench, settle},
    driver::{ClosedLoop, Driver, Plan, Step},
    load::Shape,
    process::thread_cpu_seconds,
    record::Metrics,
    wire,
};

use super::produce::shares;

const CONNECTIONS: usize = 6;
const TOPIC: &str = "floor";
const RESPONSE_BYTES: usize = 1 << 20;

/// All three, in turns.
pub(super) fn run(bench: &mut Bench, work: &str) -> Result<()> {
    let folder = bench.folder().join("floor");
    std::fs::create_dir_all(&folder)?;
    for round in 0..bench.bounds.rounds {
        let metrics = write_floor(bench, &folder)?;
        bench.add(work, "socket, CRC-32C, page cache", round, metrics)?;
        let metrics = sendfile_floor(bench, &folder)?;
        bench.add(work, "sendfile", round, metrics)?;
        let metrics = disk_floor(bench, &folder)?;
        bench.add(work, "1 MiB and fdatasync", round, metrics)?;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The same requests as in `produce-64k`, into one thread.
fn write_floor(bench: &Bench, folder: &Path) -> Result<Metrics> {
    let frames = Shape::filling(64 << 10, 1 << 10).frames(TOPIC, 6)?;
    let bytes_max = bench.bounds.turn_bytes_max;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let file = scratch_file(&folder.join("log"))?;
    let batch_bytes = frames[0].batch_bytes;
    let server = thread::spawn(move || take_and_write(&listener, &file, batch_bytes));
    let mut driver = Driver::connect(address, CONNECTIONS)?;
    let mut plan = ClosedLoop::new(
        shares(&frames, CONNECTIONS),
        5,
        bench.bounds.turn,
        bytes_max,
    );
    settle(bytes_max);
    driver.run(&mut plan)?;
    drop(driver);
    let cpu = joined(server)?;
    let gb = plan.value_bytes as f64 / 1e9;
    Ok(Metrics::default()
        .with("mb_per_s", gb * 1e3 / plan.elapsed().as_secs_f64())
        .with("cpu_s_per_gb", cpu / gb))
}

/// Serves all connections until they close, and gives the CPU seconds of its thread.
fn take_and_write(listener: &TcpListener, file: &File, batch_bytes: usize) -> Result<f64> {
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let response = wire::produce_response(TOPIC);
    let before = thread_cpu_seconds();
    let mut frame = Vec::new();
    let mut position = 0;
    while !streams.is_empty() {
        let ready: Vec<bool> = {
            let mut polled: Vec<_> = streams
                .iter()
                .map(|stream| PollFd::new(stream, PollFlags::IN))
                .collect();
            poll(&mut polled, None)?;
            polled
                .iter()
                .map(|polled| !polled.revents().is_empty())
                .collect()
        };
        let mut ready = ready.into_iter();
        let mut taken = Vec::new();
        for mut stream in streams.drain(..) {
            if ready.next() == Some(true) {
                if !read_frame(&mut stream, &mut frame)? {
                    continue;
                }
                let batch = &frame[frame.len().saturating_sub(batch_bytes)..];
                std::hint::black_box(crc32c::crc32c(batch));
                file.write_all_at(batch, position)?;
                position += batch.len() as u64;
                stream.write_all(&response)?;
            }
            taken.push(stream);
        }
        streams = taken;
    }
    Ok(thread_cpu_seconds() - before)
}

/// Reads one frame behind its length; false at the end of the stream.
fn read_frame(stream: &mut TcpStream, frame: &mut Vec<u8>) -> Result<bool> {
    let mut len = [0; 4];
    if stream.read(&mut len[..1])? == 0 {
        return Ok(false);
    }
    stream.read_exact(&mut len[1..])?;
    frame.resize(u32::from_be_bytes(len) as usize, 0);
    stream.read_exact(frame)?;
    Ok(true)
}

/// A file of 1 GB from the page cache, by one thread for each connection.
fn sendfile_floor(bench: &Bench, folder: &Path) -> Result<Metrics> {
    let file = Arc::new(scratch_file(&folder.join("sent"))?);
    let piece = vec![7_u8; RESPONSE_BYTES];
    let pieces = 1_000_000_000 / RESPONSE_BYTES;
    for index in 0..pieces {
        file.write_all_at(&piece, (index * RESPONSE_BYTES) as u64)?;
    }
    settle(0);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let servers: Vec<JoinHandle<Result<f64>>> = (0..CONNECTIONS)
        .map(|index| {
            let first = index * pieces / CONNECTIONS;
            let (listener, file) = (listener.try_clone()?, Arc::clone(&file));
            Ok(thread::spawn(move || {
                send_pieces(&listener, &file, first, pieces)
            }))
        })
        .collect::<Result<_>>()?;
    let mut plan = Pieces::new(bench.bounds.turn);
    plan.drive(address)?;
    let mut cpu = 0.0;
    for server in servers {
        cpu += joined(server)?;
    }
    let gb = (plan.pieces * RESPONSE_BYTES) as f64 / 1e9;
    Ok(Metrics::default()
        .with("mb_per_s", gb * 1e3 / plan.elapsed.as_secs_f64())
        .with("cpu_s_per_gb", cpu / gb))
}

/// Sends one piece after the other, from a place of its own: what several send at the same time
/// is in the caches of the processor, which flatters.
fn send_pieces(listener: &TcpListener, file: &File, first: usize, pieces: usize) -> Result<f64> {
    let (mut stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let before = thread_cpu_seconds();
    let mut request = Vec::new();
    let mut piece = first;
    while read_frame(&mut stream, &mut request)? {
        let len = u32::try_from(RESPONSE_BYTES)?;
        stream.write_all(&len.to_be_bytes())?;
        let mut position = (piece % pieces * RESPONSE_BYTES) as u64;
        let mut left = RESPONSE_BYTES;
        while left > 0 {
            let sent = sendfile(stream.as_fd(), file.as_fd(), Some(&mut position), left)?;
            left = left
                .checked_sub(sent)
                .filter(|_| sent > 0)
                .context("the file is short")?;
        }
        piece += 1;
    }
    Ok(thread_cpu_seconds() - before)
}

/// Asks for one piece after the other on every connection.
struct Pieces {
    duration: Duration,
    started: Option<Instant>,
    elapsed: Duration,
    free: Vec<usize>,
    pieces: usize,
}

impl Pieces {
    fn new(duration: Duration) -> Self {
        Self {
            duration,
            started: None,
            elapsed: Duration::ZERO,
            free: (0..CONNECTIONS).collect(),
            pieces: 0,
        }
    }

    fn drive(&mut self, address: SocketAddr) -> Result<()> {
        Driver::connect(address, CONNECTIONS)?.run(self)
    }
}

impl Plan for Pieces {
    fn step(&mut self, now: Instant) -> Result<Step> {
        let started = *self.started.get_or_insert(now);
        if now < started + self.duration
            && let Some(connection) = self.free.pop()
        {
            return Ok(Step::Send(connection, wire::api_versions().into()));
        }
        if self.free.len() == CONNECTIONS {
            return Ok(Step::Finished);
        }
        Ok(Step::WaitUntil(now + Duration::from_secs(1)))
    }

    fn on_response(&mut self, connection: usize, _: &[u8], now: Instant) -> Result<()> {
        self.free.push(connection);
        self.pieces += 1;
        self.elapsed = self.started.map_or(Duration::ZERO, |started| now - started);
        Ok(())
    }
}

/// Flushed writes of 1 MiB: to a file that grows, to one whose room is reserved, and to one that
/// was written before.
fn disk_floor(bench: &Bench, folder: &Path) -> Result<Metrics> {
    let bytes = bench.bounds.turn_bytes_max.min(256 << 20);
    settle(0);
    let growing = scratch_file(&folder.join("growing"))?;
    let growing_rate = flushed_rate(&growing, bytes, bench.bounds.turn)?;
    let reserved = scratch_file(&folder.join("reserved"))?;
    fallocate(&reserved, FallocateFlags::empty(), 0, bytes)?;
    reserved.sync_all()?;
    let reserved_rate = flushed_rate(&reserved, bytes, bench.bounds.turn)?;
    let written_rate = flushed_rate(&growing, bytes, bench.bounds.turn)?;
    Ok(Metrics::default()
        .with("growing_mb_per_s", growing_rate)
        .with("preallocated_mb_per_s", reserved_rate)
        .with("overwritten_mb_per_s", written_rate))
}

fn flushed_rate(file: &File, bytes: u64, duration: Duration) -> Result<f64> {
    let piece = vec![5_u8; 1 << 20];
    let started = Instant::now();
    let mut position = 0;
    while position < bytes && started.elapsed() < duration {
        file.write_all_at(&piece, position)?;
        file.sync_data()?;
        position += piece.len() as u64;
    }
    Ok(position as f64 / 1e6 / started.elapsed().as_secs_f64())
}

fn scratch_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    options
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))
}

fn joined(server: JoinHandle<Result<f64>>) -> Result<f64> {
    server
        .join()
        .map_err(|_| anyhow!("a server of the floor panicked"))?
}
