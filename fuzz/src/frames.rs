//! Frame lengths and headers.

use bytes::Bytes;
use highwater_protocol::{check_frame_len, parse_request_header, parse_response_header};

const FRAME_BYTES_MAX: usize = 1 << 20;

/// Reads the first four bytes as a length, all of them as a request, and as a response to each
/// of the APIs that headers differ by.
pub fn run(data: &[u8]) {
    if let Some(len) = data.first_chunk()
        && let Ok(len) = check_frame_len(i32::from_be_bytes(*len), FRAME_BYTES_MAX)
    {
        assert!(len <= FRAME_BYTES_MAX);
    }
    let frame = Bytes::copy_from_slice(data);
    let mut rest = frame.clone();
    if let Ok(header) = parse_request_header(&mut rest) {
        assert!(frame.ends_with(&rest));
        assert_eq!(header.api_key.to_be_bytes(), frame[..2]);
        assert_eq!(header.api_version.to_be_bytes(), frame[2..4]);
        assert_eq!(header.correlation_id.to_be_bytes(), frame[4..8]);
    }
    for (api_key, api_version) in [(18, 4), (3, 8), (3, 9)] {
        let mut rest = frame.clone();
        if parse_response_header(api_key, api_version, &mut rest).is_ok() {
            assert!(frame.ends_with(&rest));
        }
    }
}
