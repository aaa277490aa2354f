//! The same checks for responses, which come from a broker that may be any broker.

use super::super::responses::RESPONSES as SCHEMAS;
use super::*;

/// The response type of an API, also of those that are not served yet.
macro_rules! with_response_type {
    ($api_key:expr, $name:ident => $then:expr) => {
        match $api_key {
            24 => {
                type $name = AddPartitionsToTxnRequest;
                $then
            }
            25 => {
                type $name = AddOffsetsToTxnRequest;
                $then
            }
            26 => {
                type $name = EndTxnRequest;
                $then
            }
            27 => {
                type $name = WriteTxnMarkersRequest;
                $then
            }
            28 => {
                type $name = TxnOffsetCommitRequest;
                $then
            }
            key => crate::with_request_type!(
                key, $name => $then, _ => panic!("{} has no type", crate::api_name(key))
            ),
        }
    };
}

/// Decodes, which takes the whole body, and encodes again.
fn again<M: Request>(version: i16, body: &[u8]) -> Vec<u8> {
    let mut rest = Bytes::copy_from_slice(body);
    let response: M::Response = decode_response(M::KEY, version, &mut rest).unwrap();
    assert!(rest.is_empty());
    let mut out = BytesMut::new();
    response.encode(&mut out, version).unwrap();
    out.to_vec()
}

fn default_of<M: Request>(version: i16) -> Vec<u8>
where
    M::Response: Default,
{
    let mut out = BytesMut::new();
    M::Response::default().encode(&mut out, version).unwrap();
    out.to_vec()
}

fn everything() -> impl Iterator<Item = (i16, i16)> {
    SCHEMAS.iter().flat_map(|schema| {
        let versions = ApiKey::try_from(schema.api_key).unwrap().valid_versions();
        (versions.min..=versions.max).map(|version| (schema.api_key, version))
    })
}

fn generated(seed: u64, api_key: i16, version: i16) -> Generator {
    Generator::body(seed, program(&RESPONSES, api_key, version).unwrap())
}

#[test]
fn whatever_is_served_can_be_read_as_a_client() {
    for range in crate::served() {
        for version in range.decodable_min..=range.max {
            let of_codec = codec_response_version(range.key, version);
            assert_ne!(
                program(&RESPONSES, range.key, of_codec).is_ok(),
                is_answered_by_hand(range.key, version),
                "{} v{version}",
                range.name
            );
        }
    }
}

#[test]
fn default_responses_are_measured_to_their_last_byte() {
    for (api_key, version) in everything() {
        let body = with_response_type!(api_key, M => default_of::<M>(version));
        let name = crate::api_name(api_key);
        let measured = measure_response(api_key, version, &body);
        assert_eq!(measured, Ok(body.len()), "{name} v{version}");
    }
}

#[test]
fn every_truncation_of_a_response_is_refused() {
    for (api_key, version) in everything() {
        let body = generated(3, api_key, version).out;
        for len in 0..body.len() {
            let refused = measure_response(api_key, version, &body[..len]);
            let name = crate::api_name(api_key);
            assert!(
                refused.is_err(),
                "{name} v{version} cut to {len} of {}",
                body.len()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn schemas_and_codec_agree_on_every_byte_of_a_response(seed: u64) {
        for (api_key, version) in everything() {
            let name = crate::api_name(api_key);
            let body = generated(seed, api_key, version).out;
            let measured = measure_response(api_key, version, &body);
            prop_assert_eq!(measured, Ok(body.len()), "{} v{}", name, version);
            let again = with_response_type!(api_key, M => again::<M>(version, &body));
            prop_assert_eq!(again, body, "{} v{}", name, version);
        }
    }

    #[test]
    fn a_count_or_length_beyond_the_response_is_refused(seed: u64) {
        for (api_key, version) in everything() {
            let generated = generated(seed, api_key, version);
            for (at, prefix) in &generated.prefixes {
                for declared in [i32::MAX, generated.out.len() as i32 + 1] {
                    let body = inflate(&generated.out, *at, *prefix, declared);
                    prop_assert!(measure_response(api_key, version, &body).is_err());
                }
            }
        }
    }
}
