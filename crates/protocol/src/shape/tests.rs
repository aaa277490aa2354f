use std::fmt::Debug;

use bytes::BytesMut;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request};
use proptest::prelude::*;

use super::notation::{Prefix, Program, Step};
use super::*;
use crate::served::{codec_request_version, codec_response_version};
use generator::Generator;

mod generator;
mod responses;

/// Decodes with the codec alone and encodes again; returns the bytes left over and the result.
fn through_codec<M: Request + Debug>(version: i16, body: &[u8]) -> (usize, Vec<u8>) {
    let version = codec_request_version(M::KEY, version);
    let mut rest = Bytes::copy_from_slice(body);
    let message = M::decode(&mut rest, version)
        .unwrap_or_else(|error| panic!("{} v{version}: {error}", crate::api_name(M::KEY)));
    let mut out = BytesMut::new();
    message.encode(&mut out, version).unwrap();
    (rest.len(), out.to_vec())
}

fn default_of<M: Request + Default>(version: i16) -> Vec<u8> {
    let mut out = BytesMut::new();
    let version = codec_request_version(M::KEY, version);
    M::default().encode(&mut out, version).unwrap();
    out.to_vec()
}

fn checked<M: ServedRequest>(version: i16, body: &[u8]) -> Result<(), DecodeError> {
    let mut body = Bytes::copy_from_slice(body);
    decode_request::<M>(M::KEY, version, &mut body).map(|_| assert!(body.is_empty()))
}

fn answer_of<M: Request>(version: i16) -> bool
where
    M::Response: Default,
{
    let version = codec_response_version(M::KEY, version);
    M::Response::default()
        .encode(&mut BytesMut::new(), version)
        .is_ok()
}

/// Whether the answer is written by hand in this version, and only there.
fn is_answered_by_hand(api_key: i16, version: i16) -> bool {
    (api_key, version) == (35, 5)
}

/// What the tests do with one API, whatever its message type.
struct Codec {
    api_key: i16,
    header_version: fn(i16) -> i16,
    default_of: fn(i16) -> Vec<u8>,
    through: fn(i16, &[u8]) -> (usize, Vec<u8>),
    checked: fn(i16, &[u8]) -> Result<(), DecodeError>,
    answers: fn(i16) -> bool,
}

fn codec(api_key: i16) -> Codec {
    crate::with_request_type!(
        api_key,
        M => Codec {
            api_key,
            header_version: M::header_version,
            default_of: default_of::<M>,
            through: through_codec::<M>,
            checked: checked::<M>,
            answers: answer_of::<M>,
        },
        _ => panic!("{} has no request type", crate::api_name(api_key))
    )
}

/// The codec has no request of version 10 for these two; `requests` has its own tests.
fn is_ours_alone(api_key: i16, version: i16) -> bool {
    matches!(api_key, 8 | 9) && version == 10
}

/// Every API with every version in which it is served.
fn everything() -> impl Iterator<Item = (Codec, i16)> {
    crate::served().iter().flat_map(|range| {
        (range.decodable_min..=range.max).map(move |version| (codec(range.key), version))
    })
}

fn generate(seed: u64, api_key: i16, version: i16) -> Generator {
    Generator::body(seed, program(&REQUESTS, api_key, version).unwrap())
}

#[test]
fn every_served_version_has_a_program_as_flexible_as_the_codec() {
    assert_eq!(schema::REQUESTS.len(), crate::served().len());
    for (codec, version) in everything() {
        let program = program(&REQUESTS, codec.api_key, version).unwrap();
        let flexible = matches!(program.steps.last(), Some(Step::Tags(_)));
        let name = crate::api_name(codec.api_key);
        assert_eq!(
            flexible,
            (codec.header_version)(version) == 2,
            "{name} v{version}"
        );
    }
}

#[test]
fn no_element_is_so_small_that_any_count_would_fit() {
    fn visit(program: &Program) {
        for step in &program.steps {
            match step {
                Step::Array { field, element, .. } => {
                    assert!(element.bytes_min > 0, "{field}");
                    visit(element);
                }
                Step::Optional { body, .. } => visit(body),
                Step::Tags(tags) => tags.iter().for_each(|tag| visit(&tag.value)),
                _ => {}
            }
        }
    }
    for (codec, version) in everything() {
        visit(program(&REQUESTS, codec.api_key, version).unwrap());
    }
}

#[test]
fn every_served_version_can_be_answered() {
    for (codec, version) in everything() {
        let name = crate::api_name(codec.api_key);
        let by_hand = is_answered_by_hand(codec.api_key, version);
        assert_ne!((codec.answers)(version), by_hand, "{name} v{version}");
    }
}

#[test]
fn default_requests_are_measured_to_their_last_byte() {
    for (codec, version) in everything() {
        if is_ours_alone(codec.api_key, version) {
            continue;
        }
        let body = (codec.default_of)(version);
        let name = crate::api_name(codec.api_key);
        assert_eq!(
            measure_request(codec.api_key, version, &body),
            Ok(body.len()),
            "{name} v{version}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_schemas_and_the_codec_agree_on_every_byte(seed: u64) {
        for (codec, version) in everything() {
            let name = crate::api_name(codec.api_key);
            let body = generate(seed, codec.api_key, version).out;
            let measured = measure_request(codec.api_key, version, &body);
            prop_assert_eq!(measured, Ok(body.len()), "{} v{}", name, version);
            if is_ours_alone(codec.api_key, version) {
                prop_assert!((codec.checked)(version, &body).is_ok());
                continue;
            }
            let (left, again) = (codec.through)(version, &body);
            prop_assert_eq!(left, 0, "{} v{}", name, version);
            prop_assert_eq!(again, body, "{} v{}", name, version);
        }
    }

    #[test]
    fn strings_that_are_not_utf8_are_replaced_and_nothing_else_is_touched(seed: u64) {
        for (codec, version) in everything() {
            let name = crate::api_name(codec.api_key);
            let program = program(&REQUESTS, codec.api_key, version).unwrap();
            let body = generate(seed, codec.api_key, version).out;
            let replaced = |body: &[u8]| replaced(codec.api_key, version, body);
            prop_assert_eq!(replaced(&body), None, "{} v{}", name, version);
            let damaged = Generator::filled(seed, program, 0xff).out;
            prop_assert!((codec.checked)(version, &damaged).is_ok(), "{} v{}", name, version);
            if let Some(repaired) = replaced(&damaged) {
                let measured = measure_request(codec.api_key, version, &repaired);
                prop_assert_eq!(measured, Ok(repaired.len()), "{} v{}", name, version);
                prop_assert_eq!(replaced(&repaired), None, "{} v{}", name, version);
            }
        }
    }

    #[test]
    fn a_count_or_length_beyond_the_body_is_refused(seed: u64) {
        for (codec, version) in everything() {
            let generated = generate(seed, codec.api_key, version);
            for (at, prefix) in &generated.prefixes {
                let beyond = generated.out.len() as i32 + 1;
                for declared in [i32::MAX, 1 << 24, beyond] {
                    let body = inflate(&generated.out, *at, *prefix, declared);
                    prop_assert!(check_request(codec.api_key, version, &body).is_err());
                    prop_assert!((codec.checked)(version, &body).is_err());
                }
            }
        }
    }

    #[test]
    fn damaged_requests_are_refused_or_decoded_but_never_panic(
        seed: u64,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (codec, version) in everything() {
            let mut body = generate(seed, codec.api_key, version).out;
            for (at, value) in &damage {
                if !body.is_empty() {
                    let at = at.index(body.len());
                    body[at] = *value;
                }
            }
            let shape = check_request(codec.api_key, version, &body);
            let decoded = (codec.checked)(version, &body);
            prop_assert!(shape.is_ok() || decoded.is_err());
        }
    }
}

/// The body with another number where a count or length stands.
fn inflate(body: &[u8], at: usize, prefix: Prefix, declared: i32) -> Vec<u8> {
    let mut out = body[..at].to_vec();
    let rest = match prefix {
        Prefix::I16 => {
            out.extend(i16::try_from(declared).unwrap_or(i16::MAX).to_be_bytes());
            &body[at + 2..]
        }
        Prefix::I32 => {
            out.extend(declared.to_be_bytes());
            &body[at + 4..]
        }
        Prefix::Compact => {
            let mut generator = Generator::after(out);
            generator.varint(declared as u32 + 1);
            out = generator.out;
            let taken = body[at..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
            &body[at + taken..]
        }
    };
    out.extend(rest);
    out
}

#[test]
fn names_that_are_not_utf8_are_read_as_java_reads_them() {
    let fetch = |version: i16| {
        let topic = fetch_request::FetchTopic::default().with_topic(TopicName::from(
            kafka_protocol::protocol::StrBytes::from_static_str("c*f*"),
        ));
        let mut request = FetchRequest::default().with_topics(vec![topic]);
        if version >= 12 {
            request.cluster_id = Some(kafka_protocol::protocol::StrBytes::from_static_str("**"));
        }
        let mut out = BytesMut::new();
        request.encode(&mut out, version).unwrap();
        let body = out.iter().map(|b| if *b == b'*' { 0xe9 } else { *b });
        Bytes::from_iter(body)
    };
    for version in [4, 11, 12] {
        let request: FetchRequest = decode_request(1, version, &mut fetch(version)).unwrap();
        assert_eq!(
            request.topics[0].topic.as_str(),
            "c\u{fffd}f\u{fffd}",
            "v{version}"
        );
        let cluster = request.cluster_id.map(|id| id.to_string());
        let expected = (version >= 12).then(|| "\u{fffd}\u{fffd}".to_owned());
        assert_eq!(cluster, expected, "v{version}");
    }
}

#[test]
fn a_body_full_of_nonsense_is_refused() {
    const DESCRIBE_GROUPS: i16 = 15;
    let body = |names: i32| {
        let mut body = names.to_be_bytes().to_vec();
        for _ in 0..names {
            body.extend(1000_i16.to_be_bytes());
            body.extend([0xff; 1000]);
        }
        Bytes::from(body)
    };
    let decode =
        |names| decode_request::<DescribeGroupsRequest>(DESCRIBE_GROUPS, 0, &mut body(names));
    assert_eq!(decode(30).unwrap().groups[29].len(), 3000);
    assert!(matches!(decode(40), Err(DecodeError::Codec { .. })));
}

#[test]
fn every_truncation_is_refused() {
    for (codec, version) in everything() {
        for seed in 0..4 {
            let body = generate(seed, codec.api_key, version).out;
            for len in 0..body.len() {
                let refused = check_request(codec.api_key, version, &body[..len]);
                let name = crate::api_name(codec.api_key);
                assert!(
                    refused.is_err(),
                    "{name} v{version} cut to {len} of {}",
                    body.len()
                );
            }
        }
    }
}

#[test]
fn arrays_nest_no_further_than_the_element_limit() {
    const DESCRIBE_GROUPS: i16 = 15;
    let groups = |count: usize| {
        let mut body = (count as i32).to_be_bytes().to_vec();
        body.resize(4 + 2 * count, 0);
        body
    };
    let check = |count| check_request(DESCRIBE_GROUPS, 0, &groups(count));
    assert_eq!(check(REQUEST_ELEMENTS_MAX), Ok(()));
    let field = "groups";
    assert_eq!(
        check(REQUEST_ELEMENTS_MAX + 1),
        Err(ShapeError::TooManyElements { field })
    );
}

#[test]
fn unknown_tagged_fields_count_as_elements() {
    const LIST_GROUPS: i16 = 16;
    let body = |tags: usize| {
        let mut generator = Generator::after(vec![]);
        generator.varint(tags as u32);
        for _ in 0..tags {
            generator.out.extend([9, 0]);
        }
        generator.out
    };
    assert_eq!(
        check_request(LIST_GROUPS, 3, &body(REQUEST_ELEMENTS_MAX)),
        Ok(())
    );
    let field = "tagged fields";
    assert_eq!(
        check_request(LIST_GROUPS, 3, &body(REQUEST_ELEMENTS_MAX + 1)),
        Err(ShapeError::TooManyElements { field })
    );
}

#[test]
fn errors_name_the_field_and_what_it_declares() {
    use ShapeError::*;
    let (topics, tags) = ("topics", "tagged fields");
    let rows: &[(i16, i16, &[u8], ShapeError)] = &[
        (
            3,
            0,
            &[0x7f, 0xff, 0xff, 0xff],
            too_long(topics, i32::MAX as usize, 0),
        ),
        (3, 0, &[0xff, 0xff, 0xff, 0xff], Null { field: topics }),
        (
            3,
            1,
            &[0xff, 0xff, 0xff, 0xfe],
            NegativeLength {
                field: topics,
                len: -2,
            },
        ),
        (3, 1, &[0xff], cut(topics, 4, 1)),
        (3, 9, &[0xff; 6], Varint { field: topics }),
        (
            3,
            9,
            &[0x80, 0x80, 0x80, 0x80, 0x10],
            Varint { field: topics },
        ),
        (16, 3, &[1, 9], too_long(tags, 1, 1)),
        (16, 3, &[1, 0, 9, 0], cut(tags, 9, 1)),
        (75, 0, &[1, 0, 0, 0, 1, 0, 0], Presence { field: "cursor" }),
        (
            0,
            2,
            &[],
            UnsupportedVersion {
                api_key: 0,
                api_version: 2,
            },
        ),
        (
            0,
            14,
            &[],
            UnsupportedVersion {
                api_key: 0,
                api_version: 14,
            },
        ),
        (
            0,
            i16::MIN,
            &[],
            UnsupportedVersion {
                api_key: 0,
                api_version: i16::MIN,
            },
        ),
        (17, 0, &[], NotServed { api_key: 17 }),
        (-1, 0, &[], NotServed { api_key: -1 }),
    ];
    for (api_key, version, body, error) in rows {
        assert_eq!(check_request(*api_key, *version, body), Err(error.clone()));
    }
}

fn too_long(field: &'static str, count: usize, remaining: usize) -> ShapeError {
    ShapeError::ArrayTooLong {
        field,
        count,
        remaining,
    }
}

fn cut(field: &'static str, needed: usize, remaining: usize) -> ShapeError {
    ShapeError::Truncated {
        field,
        needed,
        remaining,
    }
}

#[test]
fn a_tagged_field_must_fill_what_it_declares() {
    // Fetch v15 with a replica state (tag 1) of 13 bytes that declares 14, and then 12.
    let with_size = |size: u8| {
        // Waits, limits, isolation and session; no topics, none forgotten, no rack.
        let mut body = vec![0; 21];
        body.extend([1, 1, 1]);
        body.extend([1, 1, size]);
        body.extend([0; 13]);
        body.extend(vec![0; usize::from(size == 14)]);
        body
    };
    let fixed = |body: Vec<u8>| check_request(1, 15, &body);
    assert_eq!(fixed(with_size(13)), Ok(()));
    let field = "replica_state";
    assert_eq!(
        fixed(with_size(14)),
        Err(ShapeError::TagSize { field, extra: 1 })
    );
    let field = "tagged fields";
    assert_eq!(
        fixed(with_size(12)),
        Err(ShapeError::Truncated {
            field,
            needed: 1,
            remaining: 0
        })
    );
}

#[test]
fn a_string_longer_than_any_may_be_is_refused() {
    let group = |len: usize| {
        let mut generator = Generator::after(vec![]);
        generator.varint(len as u32 + 1);
        generator.out.resize(generator.out.len() + len + 1, b'g');
        let mut body = vec![2];
        body.extend(generator.out);
        *body.last_mut().unwrap() = 0;
        body
    };
    assert_eq!(check_request(42, 2, &group(32_767)), Ok(()));
    let field = "groups_names";
    assert_eq!(
        check_request(42, 2, &group(32_768)),
        Err(ShapeError::StringTooLong { field, len: 32_768 })
    );
}

#[test]
fn what_follows_the_last_field_is_dropped_as_kafka_drops_it() {
    let mut body = Bytes::from_static(&[0, 0, 0, 0, 1, 2, 3]);
    assert_eq!(measure_request(3, 0, &body), Ok(4));
    let request: MetadataRequest = decode_request(3, 0, &mut body).unwrap();
    assert_eq!(request.topics.map(|topics| topics.len()), Some(0));
    assert!(body.is_empty());
}

#[test]
fn record_bytes_are_shared_and_not_copied() {
    let mut request = BytesMut::new();
    let records = produce_request::PartitionProduceData::default()
        .with_records(Some(Bytes::from(vec![7; 10_000])));
    let topic = produce_request::TopicProduceData::default().with_partition_data(vec![records]);
    let message = ProduceRequest::default().with_topic_data(vec![topic]);
    message.encode(&mut request, 12).unwrap();
    let mut body = request.freeze();
    let whole = body.as_ptr_range();
    let decoded: ProduceRequest = decode_request(0, 12, &mut body).unwrap();
    let records = decoded.topic_data[0].partition_data[0]
        .records
        .as_ref()
        .unwrap();
    assert!(whole.contains(&records.as_ptr()));
}
