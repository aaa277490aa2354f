//! Where mutation starts: requests of real clients, and the batches in them.

use std::path::Path;

use bytes::{BufMut, Bytes, BytesMut};
use highwater_protocol::messages::ProduceRequest;
use highwater_protocol::{
    Encodable, Request, decode_request, parse_request_header, served, with_request_type,
};
use highwater_records::{BatchSpec, Compression, RecordBatchBuilder};

/// The golden requests of `tests/golden`.
pub fn frames() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "golden")
    });
    paths.sort();
    paths.iter().flat_map(std::fs::read).collect()
}

/// An empty response of every API and version, behind the numbers of both.
pub fn responses() -> Vec<Vec<u8>> {
    let versions = served()
        .iter()
        .flat_map(|range| (range.decodable_min..=range.max).map(|version| (range.key, version)));
    versions
        .filter_map(|(key, version)| response(key, version))
        .collect()
}

fn response(api_key: i16, version: i16) -> Option<Vec<u8>> {
    let mut seed = BytesMut::new();
    seed.put_i16(api_key);
    seed.put_i16(version);
    with_request_type!(
        api_key,
        M => <M as Request>::Response::default().encode(&mut seed, version).ok()?,
        _ => return None
    );
    Some(seed.to_vec())
}

/// The batches of the golden Produce requests, and one of our own for every codec.
pub fn batches() -> Vec<Vec<u8>> {
    let captured = frames()
        .into_iter()
        .flat_map(|frame| captured(frame).unwrap_or_default());
    captured.chain((0..=4).filter_map(built)).collect()
}

fn captured(frame: Vec<u8>) -> Option<Vec<Vec<u8>>> {
    let mut body = Bytes::from(frame);
    let header = parse_request_header(&mut body).ok()?;
    let request: ProduceRequest =
        decode_request(header.api_key, header.api_version, &mut body).ok()?;
    let partitions = request
        .topic_data
        .into_iter()
        .flat_map(|topic| topic.partition_data);
    Some(
        partitions
            .filter_map(|partition| Some(partition.records?.to_vec()))
            .collect(),
    )
}

fn built(codec: u8) -> Option<Vec<u8>> {
    let spec = BatchSpec {
        compression: Compression::from_id(codec)?,
        ..BatchSpec::default()
    };
    let mut builder = RecordBatchBuilder::new(spec);
    for index in 0..20_u8 {
        let key = [b'k', index];
        let value = [index; 60];
        builder
            .append(1_000 + i64::from(index), Some(&key), Some(&value), &[])
            .ok()?;
    }
    builder.finish().ok()
}

/// Bytes written as hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect()
}
