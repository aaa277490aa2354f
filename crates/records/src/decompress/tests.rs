use super::*;
use crate::compress;
use crate::samples::{CODECS, codec};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use std::io::Write;

const LIMIT: usize = 16 * 1024 * 1024;

/// Bytes that compress a little and are longer than any window but LZ4's largest.
fn long(len: usize) -> Vec<u8> {
    (0..len as u32)
        .flat_map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes())
        .take(len)
        .collect()
}

fn lz4(frame: FrameInfo, input: &[u8]) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(frame, Vec::new());
    encoder.write_all(input).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_lz4_frame_that_clients_write_is_read() {
    let sizes = [
        BlockSize::Max64KB,
        BlockSize::Max256KB,
        BlockSize::Max1MB,
        BlockSize::Max4MB,
    ];
    for input in [Vec::new(), long(10), long(300_000), long(9_000_000)] {
        for size in sizes {
            for mode in [BlockMode::Independent, BlockMode::Linked] {
                for checksums in [false, true] {
                    let frame = FrameInfo::new()
                        .block_size(size)
                        .block_mode(mode)
                        .block_checksums(checksums)
                        .content_checksum(checksums)
                        .content_size(checksums.then_some(input.len() as u64));
                    let compressed = lz4(frame, &input);
                    let output = decompress(Compression::Lz4, &compressed, LIMIT);
                    assert!(
                        output.as_ref() == Ok(&input),
                        "{} {size:?} {mode:?}",
                        input.len()
                    );
                }
            }
        }
    }
}

#[test]
fn snappy_is_read_framed_bare_and_concatenated() {
    let input = long(100_000);
    let framed = compress(Compression::Snappy, None, &input).unwrap();
    let bare = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    let twice = [framed.clone(), framed.clone()].concat();
    assert_eq!(
        decompress(Compression::Snappy, &framed, LIMIT),
        Ok(input.clone())
    );
    assert_eq!(
        decompress(Compression::Snappy, &bare, LIMIT),
        Ok(input.clone())
    );
    assert_eq!(
        decompress(Compression::Snappy, &twice, LIMIT),
        Ok(input.repeat(2))
    );
}

#[test]
fn gzip_members_and_zstd_frames_may_follow_each_other() {
    let input = long(100_000);
    for codec in [Compression::Gzip, Compression::Zstd] {
        let twice = compress(codec, None, &input).unwrap().repeat(2);
        assert_eq!(decompress(codec, &twice, LIMIT), Ok(input.repeat(2)));
    }
}

#[test]
fn a_gzip_header_may_have_every_field() {
    let plain = compress(Compression::Gzip, None, b"abc").unwrap();
    let mut full = plain[..10].to_vec();
    full[3] = 0b1_1110;
    full.extend_from_slice(&[3, 0, 1, 2, 3]);
    full.extend_from_slice(b"name\0comment\0\x12\x34");
    full.extend_from_slice(&plain[10..]);
    assert_eq!(
        decompress(Compression::Gzip, &full, LIMIT),
        Ok(b"abc".to_vec())
    );
}

#[test]
fn zstd_is_read_at_every_level_and_without_a_content_size() {
    let input = long(300_000);
    for level in [-5, 1, 3, 19, 22] {
        let known = compress(Compression::Zstd, Some(level), &input).unwrap();
        assert_eq!(
            decompress(Compression::Zstd, &known, LIMIT),
            Ok(input.clone()),
            "{level}"
        );
        let unknown = zstd::stream::encode_all(&input[..], level).unwrap();
        assert_eq!(
            decompress(Compression::Zstd, &unknown, LIMIT),
            Ok(input.clone()),
            "{level}"
        );
    }
}

#[test]
fn a_zstd_window_beyond_the_reference_limit_is_refused() {
    let mut frame = zstd::stream::encode_all(&long(1000)[..], 3).unwrap();
    assert_eq!(
        frame[4] & 0b10_0000,
        0,
        "a streamed frame has a window descriptor"
    );
    frame[5] = 18 << 3;
    assert_eq!(
        decompress(Compression::Zstd, &frame, LIMIT),
        Err(corrupt(Compression::Zstd, "a frame does not decompress"))
    );
}

#[test]
fn a_bomb_is_stopped_at_the_limit_with_one_window_of_memory() {
    let zeroes = vec![0; 64 * 1024 * 1024];
    for codec in CODECS {
        let bomb = compress(codec, None, &zeroes).unwrap();
        let batch = crate::samples::header(&bomb, 1, codec).seal(&bomb);
        let view = BatchView::first(&batch).unwrap();
        let mut scratch = Scratch::new();
        let limit_bytes = 1024 * 1024;
        let mut stream = crate::RecordStream::new(&view, &mut scratch, limit_bytes).unwrap();
        // A record of zero bytes is damaged at once; only its windows matter here.
        let _ = stream.next_head();
        let _ = stream.finish();
        let most = if codec == Compression::None {
            0
        } else {
            128 * 1024
        };
        assert!(
            scratch.buffer_bytes() <= most,
            "{codec:?} kept {}",
            scratch.buffer_bytes()
        );
        let error = DecompressError::TooLarge { limit_bytes };
        assert_eq!(
            decompress(codec, &bomb, limit_bytes),
            Err(error),
            "{codec:?}"
        );
        let mut whole = Vec::new();
        let all = decompress_all(codec, &bomb, limit_bytes, &mut Scratch::new(), &mut whole);
        assert_eq!(all, Err(error), "{codec:?}");
        assert!(
            whole.len() <= 4 * limit_bytes,
            "{codec:?} allocated {}",
            whole.len()
        );
    }
}

#[test]
fn a_length_that_snappy_cannot_reach_is_not_allocated() {
    // The varint at the start of a bare block says 2³² − 1.
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, b'x'];
    let error = corrupt(
        Compression::Snappy,
        "a block claims more than its bytes can hold",
    );
    assert_eq!(
        decompress(Compression::Snappy, &claim, usize::MAX / 2),
        Err(error)
    );
}

#[test]
fn compressed_data_cut_anywhere_is_an_error() {
    let input = long(3_000);
    for codec in &CODECS[1..] {
        let whole = compress(*codec, None, &input).unwrap();
        for cut in 0..whole.len() {
            // Framed snappy says nowhere where it ends, so a cut between chunks goes unseen.
            let between = *codec == Compression::Snappy && cut == 16;
            let output = decompress(*codec, &whole[..cut], LIMIT);
            assert_eq!(
                output.is_ok(),
                between,
                "{codec:?} cut at {cut}: {output:?}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_end_are_an_error() {
    for codec in &CODECS[1..] {
        let mut whole = compress(*codec, None, b"abc").unwrap();
        whole.extend_from_slice(&[1, 2, 3]);
        assert!(decompress(*codec, &whole, LIMIT).is_err(), "{codec:?}");
    }
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back(codec in codec(), input: Vec<u8>, repeat in 1..200_usize) {
        let input = input.repeat(repeat);
        let compressed = compress(codec, None, &input).unwrap();
        prop_assert_eq!(decompress(codec, &compressed, input.len()), Ok(input.clone()));
        if let Some(limit_bytes) = input.len().checked_sub(1) {
            let error = DecompressError::TooLarge { limit_bytes };
            prop_assert_eq!(decompress(codec, &compressed, limit_bytes), Err(error));
        }
    }

    #[test]
    fn arbitrary_bytes_stay_within_the_limit(codec in codec(), input: Vec<u8>, limit in 0..5000_usize) {
        if let Ok(output) = decompress(codec, &input, limit) {
            prop_assert!(output.len() <= limit);
        }
    }

    #[test]
    fn damaged_data_stays_within_the_limit(
        codec in codec(),
        input in proptest::collection::vec(0..3_u8, 0..5000),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut compressed = compress(codec, None, &input).unwrap();
        for (at, mask) in flips {
            if !compressed.is_empty() {
                let at = at.index(compressed.len());
                compressed[at] ^= mask;
            }
        }
        if let Ok(output) = decompress(codec, &compressed, 10_000) {
            prop_assert!(output.len() <= 10_000);
        }
    }
}
