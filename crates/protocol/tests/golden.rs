//! Requests that real clients sent, captured by `tests/golden/capture.py`.
//!
//! Schemas and codec may agree with each other and still both be wrong about what is out there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use highwater_protocol::{
    Encodable, RequestHeader, ServedRequest, ShapeError, api_name, check_request, decode_request,
    encode_request, parse_request_header, served, shape, with_request_type,
};

struct Golden {
    path: PathBuf,
    frame: Bytes,
}

impl Golden {
    /// What the file name says: client, API and version.
    fn named(&self) -> (String, String, i16) {
        let stem = self.path.file_stem().unwrap().to_str().unwrap();
        let (rest, version) = stem.rsplit_once("-v").unwrap();
        let (client, api) = rest.rsplit_once('-').unwrap();
        (client.to_owned(), api.to_owned(), version.parse().unwrap())
    }

    fn header_and_body(&self) -> (RequestHeader, Bytes) {
        let mut body = self.frame.clone();
        let header = parse_request_header(&mut body).unwrap();
        (header, body)
    }
}

fn all() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "golden")
        })
        .map(|path| Golden {
            frame: std::fs::read(&path).unwrap().into(),
            path,
        })
        .collect();
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// Decodes the body and writes the whole frame again.
fn again<M: ServedRequest + Encodable>(header: &RequestHeader, body: &Bytes) -> Bytes {
    let message: M = decode_request(header.api_key, header.api_version, &mut body.clone()).unwrap();
    let mut out = BytesMut::new();
    encode_request(
        header.api_key,
        header.api_version,
        header.correlation_id,
        header.client_id.as_deref(),
        &message,
        &mut out,
    )
    .unwrap();
    out.split_off(4).freeze()
}

fn rewritten(header: &RequestHeader, body: &Bytes) -> Bytes {
    with_request_type!(
        header.api_key,
        Request => again::<Request>(header, body),
        _ => panic!("{} is not served", api_name(header.api_key))
    )
}

#[test]
fn requests_of_real_clients_are_read_and_written_again_byte_for_byte() {
    for golden in all() {
        let (header, body) = golden.header_and_body();
        let (_, api, version) = golden.named();
        assert_eq!(
            (api_name(header.api_key), header.api_version),
            (api.as_str(), version)
        );
        // A client that opens with an ApiVersions from the future is told so and asks again.
        if (header.api_key, version) == (18, 5) {
            let refused = ShapeError::UnsupportedVersion {
                api_key: 18,
                api_version: 5,
            };
            assert_eq!(check_request(18, 5, &body), Err(refused));
            continue;
        }
        let measured = shape::measure_request(header.api_key, header.api_version, &body);
        assert_eq!(measured, Ok(body.len()), "{}", golden.path.display());
        // The codec encodes no version 10 of these two.
        if matches!(header.api_key, 8 | 9) && version == 10 {
            continue;
        }
        assert_eq!(
            rewritten(&header, &body),
            golden.frame,
            "{}",
            golden.path.display()
        );
    }
}

#[test]
fn no_part_of_a_real_request_passes_for_the_whole() {
    for golden in all() {
        let (header, body) = golden.header_and_body();
        for len in 0..body.len() {
            let refused = check_request(header.api_key, header.api_version, &body[..len]);
            assert!(refused.is_err(), "{} cut to {len}", golden.path.display());
        }
    }
}

#[test]
fn every_client_and_every_served_api_is_there() {
    let named: Vec<_> = all().iter().map(Golden::named).collect();
    let clients: BTreeSet<_> = named.iter().map(|(client, ..)| client.as_str()).collect();
    for client in CLIENTS {
        assert!(clients.contains(client), "{client}");
    }
    let seen: BTreeSet<_> = named.iter().map(|(_, api, _)| api.as_str()).collect();
    for range in served() {
        assert!(seen.contains(range.name), "{}", range.name);
    }
}

const CLIENTS: [&str; 8] = [
    "aiokafka",
    "confluent-kafka",
    "franz-go",
    "java",
    "kafka-go",
    "kafka-python",
    "kafkajs",
    "sarama",
];
