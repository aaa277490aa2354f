//! What every parser of bytes from outside has to stand: any bytes at all.
//!
//! A target is a plain function. It panics where a promise is broken, and is otherwise silent.
//! libFuzzer drives it where a nightly toolchain is at hand; `fuzz-briefly` drives it anywhere.

pub mod batches;
pub mod directories;
pub mod files;
pub mod frames;
pub mod groups;
pub mod metadata;
pub mod mutate;
pub mod requests;
pub mod responses;
pub mod seeds;

/// Cuts the next piece off: its length in two bytes, and so many bytes or what there is.
fn piece<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = data.split_first_chunk()?;
    let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
    let (piece, rest) = rest.split_at(len);
    *data = rest;
    Some(piece)
}

/// Puts a piece behind others.
fn put_piece(out: &mut Vec<u8>, piece: &[u8]) {
    let len = u16::try_from(piece.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&piece[..usize::from(len)]);
}

/// A target and what it may use.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Most bytes that an input of `len` bytes may have allocated at any one time.
    pub memory_bytes_max: fn(len: usize) -> usize,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "frames",
        run: frames::run,
        seeds: seeds::frames,
        memory_bytes_max: |len| 4096 + 8 * len,
    },
    Target {
        name: "requests",
        run: requests::run,
        seeds: seeds::frames,
        // The least that the wire needs for an element against the most that its structure
        // takes in memory: one unknown tagged field in an otherwise empty structure.
        memory_bytes_max: |len| 64 * 1024 + 256 * len,
    },
    Target {
        name: "responses",
        run: responses::run,
        seeds: seeds::responses,
        memory_bytes_max: |len| 64 * 1024 + 256 * len,
    },
    Target {
        name: "batches",
        run: batches::run,
        seeds: seeds::batches,
        // What a batch may decompress to, several times over, and the state of the codecs.
        memory_bytes_max: |len| 16 * batches::DECOMPRESSED_BYTES_MAX + 8 * len,
    },
    Target {
        name: "directories",
        run: directories::run,
        seeds: directories::seeds,
        // Windows of the walk, and what the disk in memory keeps of each file.
        memory_bytes_max: |len| (16 << 20) + 64 * len,
    },
    Target {
        name: "files",
        run: files::run,
        seeds: files::seeds,
        // A compressed batch is shown with its records.
        memory_bytes_max: |len| (16 << 20) + 64 * len,
    },
    Target {
        name: "metadata",
        run: metadata::run,
        seeds: metadata::seeds,
        memory_bytes_max: |len| 64 * 1024 + 256 * len,
    },
    Target {
        name: "groups",
        run: groups::run,
        seeds: groups::seeds,
        memory_bytes_max: |len| 64 * 1024 + 256 * len,
    },
];
