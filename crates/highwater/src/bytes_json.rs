//! Bytes in JSON: a string where they are UTF-8, else an object with their base64.

use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes of a key, a value or a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected text, or {\"base64\": …} for what is none"
)]
pub(crate) enum JsonBytes {
    /// They are UTF-8.
    Text(String),
    /// They are not.
    Binary {
        /// In base64 with padding.
        base64: String,
    },
}

impl From<&[u8]> for JsonBytes {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Binary {
                base64: encode(bytes),
            },
        }
    }
}

impl JsonBytes {
    /// The bytes; `None` if the base64 is none.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Binary { base64 } => decode(&base64),
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            if position <= chunk.len() {
                let six = bits >> (18 - 6 * position) & 63;
                text.push(char::from(ALPHABET[six as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let data = text.trim_end_matches('=');
    if text.len() - data.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in data.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for symbol in chunk {
            bits = bits << 6 | ALPHABET.iter().position(|a| a == symbol)? as u32;
        }
        bits <<= 6 * (4 - chunk.len());
        let count = chunk.len().checked_sub(1).filter(|count| *count > 0)?;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..=count]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_base64() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\xff\xfe\x00\x01", "//4AAQ=="),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Z", "Zg=", "Z===", "====", "Z!==", "Zm9v="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn only_bytes_that_are_no_text_are_wrapped() {
        let json = |bytes: &[u8]| serde_json::to_string(&JsonBytes::from(bytes)).unwrap();
        assert_eq!(json("ä".as_bytes()), "\"ä\"");
        assert_eq!(json(b"\xff"), "{\"base64\":\"/w==\"}");
    }
}
