use super::*;
use crate::{Decodable, messages};

fn header(api_key: i16, api_version: i16, tail: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i16(api_key);
    frame.put_i16(api_version);
    frame.put_i32(77);
    frame.put_slice(tail);
    frame.freeze()
}

#[test]
fn a_frame_length_is_checked_before_anything_is_reserved() {
    assert_eq!(check_frame_len(8, 100), Ok(8));
    assert_eq!(check_frame_len(100, 100), Ok(100));
    assert_eq!(
        check_frame_len(101, 100),
        Err(FrameError::TooLarge { len: 101, max: 100 })
    );
    for len in [7, 0, -1, i32::MIN] {
        assert_eq!(check_frame_len(len, 100), Err(FrameError::TooSmall { len }));
    }
    assert_eq!(
        check_frame_len(i32::MAX, 100),
        Err(FrameError::TooLarge {
            len: i32::MAX,
            max: 100
        })
    );
}

#[test]
fn headers_of_both_versions_are_read_up_to_the_body() {
    let rows: &[(i16, i16, &[u8], Option<&str>)] = &[
        (3, 8, b"\0\x02mebody", Some("me")),
        (3, 8, b"\xff\xffbody", None),
        (3, 8, b"\0\0body", Some("")),
        (3, 9, b"\0\x02me\0body", Some("me")),
        (3, 9, b"\xff\xff\x02\0\x03abc\x81\x01\0body", None),
        // The version need not be one that is served.
        (18, 99, b"\0\x02me\0body", Some("me")),
        (17, 1, b"\0\x02mebody", Some("me")),
        (0, 0, b"\0\x02mebody", Some("me")),
    ];
    for (api_key, api_version, tail, client_id) in rows {
        let mut frame = header(*api_key, *api_version, tail);
        let parsed = parse_request_header(&mut frame).unwrap();
        assert_eq!(
            (parsed.api_key, parsed.api_version),
            (*api_key, *api_version)
        );
        assert_eq!(parsed.correlation_id, 77);
        assert_eq!(parsed.client_id.as_deref(), *client_id);
        assert_eq!(
            frame,
            Bytes::from_static(b"body"),
            "{api_key} v{api_version}"
        );
    }
}

#[test]
fn a_client_id_that_is_no_utf8_is_read_all_the_same() {
    let parsed = parse_request_header(&mut header(3, 0, b"\0\x03a\xffb")).unwrap();
    assert_eq!(parsed.client_id.as_deref(), Some("a\u{fffd}b"));
}

#[test]
fn malformed_headers_say_what_is_wrong() {
    let malformed = |field| FrameError::Malformed { field };
    let rows: &[(i16, i16, &[u8], FrameError)] = &[
        (
            95,
            1,
            b"\0\0",
            FrameError::UnknownApi {
                api_key: 95,
                api_version: 1,
            },
        ),
        (
            -1,
            1,
            b"\0\0",
            FrameError::UnknownApi {
                api_key: -1,
                api_version: 1,
            },
        ),
        (3, 0, b"", FrameError::Truncated),
        (3, 0, b"\0", FrameError::Truncated),
        (3, 0, b"\0\x04abc", FrameError::Truncated),
        (3, 0, b"\x7f\xffabc", FrameError::Truncated),
        (3, 0, b"\xff\xfe", malformed("client id")),
        (3, 9, b"\0\0", FrameError::Truncated),
        (3, 9, b"\0\0\x01\0\x05abc", FrameError::Truncated),
        (3, 9, b"\0\0\xff\xff\xff\xff\x0f", FrameError::Truncated),
        (
            3,
            9,
            b"\0\0\xff\xff\xff\xff\xff\x01",
            malformed("tagged fields"),
        ),
    ];
    for (api_key, api_version, tail, error) in rows {
        let mut frame = header(*api_key, *api_version, tail);
        assert_eq!(parse_request_header(&mut frame), Err(error.clone()));
    }
    assert_eq!(
        parse_request_header(&mut Bytes::from_static(&[0; 7])),
        Err(FrameError::Truncated)
    );
}

#[test]
fn requests_written_here_are_read_back_in_every_version() {
    for range in crate::served() {
        for version in range.min..=range.max {
            let api = ApiKey::try_from(range.key).unwrap();
            let mut out = BytesMut::from(&b"before"[..]);
            // The body plays no part, so any that every version can encode will do.
            let body = messages::ResponseHeader::default().with_correlation_id(5);
            let encoded = encode_frame((range.key, 0), 0, &body, &mut out, |_| {});
            assert!(encoded.is_ok());
            assert_eq!(&out[..6], b"before");
            assert_eq!(out[6..], [0, 0, 0, 4, 0, 0, 0, 5]);

            let expected = messages::RequestHeader::default()
                .with_request_api_key(range.key)
                .with_request_api_version(version)
                .with_correlation_id(9)
                .with_client_id(Some(StrBytes::from_static_str("client")));
            let mut codec = BytesMut::new();
            expected
                .encode(&mut codec, api.request_header_version(version))
                .unwrap();
            let parsed = parse_request_header(&mut codec.freeze()).unwrap();
            assert_eq!(parsed.api_key, range.key);
            assert_eq!(parsed.api_version, version);
            assert_eq!(parsed.correlation_id, 9);
            assert_eq!(parsed.client_id.as_deref(), Some("client"));
        }
    }
}

#[test]
fn a_request_frame_is_the_one_that_the_codec_would_write() {
    for (version, header_version) in [(8, 1), (9, 2)] {
        let body = messages::MetadataRequest::default();
        let mut out = BytesMut::new();
        encode_request(3, version, 4, Some("me"), &body, &mut out).unwrap();
        let mut frame = out.freeze();
        assert_eq!(frame.get_i32() as usize, frame.len());
        let header = messages::RequestHeader::decode(&mut frame, header_version).unwrap();
        assert_eq!(header.correlation_id, 4);
        assert_eq!(header.client_id.as_deref(), Some("me"));
        assert_eq!(
            messages::MetadataRequest::decode(&mut frame, version).unwrap(),
            body
        );
        assert!(frame.is_empty());
    }
}

#[test]
fn a_response_carries_the_header_of_its_version() {
    // ApiVersions never has tagged fields in its header: the client that reads it does not
    // know yet what the broker speaks.
    for (api_key, version, tagged) in [(3, 8, 0), (3, 9, 1), (18, 0, 0), (18, 3, 0), (18, 4, 0)] {
        let mut out = BytesMut::new();
        let encoded = match api_key {
            3 => encode_response(
                3,
                version,
                1234,
                &messages::MetadataResponse::default(),
                &mut out,
            ),
            _ => encode_response(
                18,
                version,
                1234,
                &messages::ApiVersionsResponse::default(),
                &mut out,
            ),
        };
        encoded.unwrap();
        let mut frame = out.freeze();
        assert_eq!(frame.get_i32() as usize, frame.len());
        let before = frame.len();
        assert_eq!(
            parse_response_header(api_key, version, &mut frame),
            Ok(1234)
        );
        assert_eq!(before - frame.len(), 4 + tagged, "{api_key} v{version}");
        let whole = match api_key {
            3 => messages::MetadataResponse::decode(&mut frame, version).is_ok(),
            _ => messages::ApiVersionsResponse::decode(&mut frame, version).is_ok(),
        };
        assert!(whole && frame.is_empty());
    }
}

#[test]
fn what_cannot_be_encoded_leaves_the_buffer_as_it_was() {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut body = messages::FetchResponse::default();
    body.session_id = 5;
    let refused = encode_response(1, 4, 1, &body, &mut out);
    assert!(matches!(
        refused,
        Err(EncodeError::Message {
            api_key: 1,
            api_version: 4,
            ..
        })
    ));
    let refused = encode_response(99, 0, 1, &body, &mut out);
    assert!(matches!(
        refused,
        Err(EncodeError::UnknownApi { api_key: 99 })
    ));
    assert_eq!(out, b"before"[..]);
}
