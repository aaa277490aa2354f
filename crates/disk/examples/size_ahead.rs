//! Measures what `fdatasync` costs after an append, by how the file was sized ahead.
//!
//! `cargo run --release -p highwater-disk --example size_ahead -- DIR`
//!
//! What storage does rests on these figures: zeros are far ahead where little is appended between
//! two flushes, and cost a second write of every byte where much is; reserved blocks are what is
//! left for those.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program to be run by hand"
)]

use std::path::Path;
use std::time::Instant;

use highwater_disk::{Allocation, Disk, OpenMode, RealDisk};

const CHUNK_BYTES: u64 = 16 << 20;

#[derive(Clone, Copy, Debug)]
enum Ahead {
    Grow,
    KeepLength,
    Extend,
    Zeros,
}

fn run(dir: &Path, ahead: Ahead, append_bytes: usize, total_bytes: u64) {
    let path = dir.join("size-ahead.tmp");
    let file = RealDisk.open(&path, OpenMode::Truncate).unwrap();
    let bytes = vec![0x5a; append_bytes];
    let (mut position, mut sized) = (0, 0);
    let mut micros = Vec::new();
    let start = Instant::now();
    while position < total_bytes {
        if position + append_bytes as u64 > sized {
            match ahead {
                Ahead::Grow => {}
                Ahead::KeepLength => {
                    file.allocate(sized, CHUNK_BYTES, Allocation::KeepLength)
                        .unwrap();
                }
                Ahead::Extend => file
                    .allocate(sized, CHUNK_BYTES, Allocation::Extend)
                    .unwrap(),
                Ahead::Zeros => {
                    file.write_all_at(&vec![0; CHUNK_BYTES as usize], sized)
                        .unwrap();
                }
            }
            sized += CHUNK_BYTES;
        }
        file.write_all_at(&bytes, position).unwrap();
        position += append_bytes as u64;
        let before = Instant::now();
        file.sync_data().unwrap();
        micros.push(before.elapsed().as_micros());
    }
    let seconds = start.elapsed().as_secs_f64();
    micros.sort_unstable();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    println!(
        "{append_bytes:>8} bytes {:<10} p50 {:>5} us p99 {:>6} us {:>6.0} MB/s",
        format!("{ahead:?}"),
        at(0.5),
        at(0.99),
        total_bytes as f64 / seconds / 1e6
    );
    RealDisk.remove(&path).unwrap();
}

fn main() {
    let dir = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    for (append_bytes, total_bytes) in [
        (4 << 10, 4 << 20),
        (64 << 10, 64 << 20),
        (1 << 20, 512 << 20),
    ] {
        for _round in 0..3 {
            for ahead in [Ahead::Grow, Ahead::KeepLength, Ahead::Extend, Ahead::Zeros] {
                run(Path::new(&dir), ahead, append_bytes, total_bytes);
            }
        }
    }
}
