//! Records of `__consumer_offsets`, as a coordinator replays them at its start.

use highwater_groups::{GroupConfig, GroupShard, describe_record};
use highwater_types::Now;

use crate::{piece, put_piece};

/// Reads keys and values in turn; a value of no bytes stands for none.
pub fn run(mut data: &[u8]) {
    let mut shard = GroupShard::new(GroupConfig::default());
    while let Some(key) = piece(&mut data) {
        let value = piece(&mut data).filter(|value| !value.is_empty());
        let _ = describe_record(key, value);
        let _ = shard.replay(key, value);
    }
    shard.loaded(Now::at(0, 1_700_000_000_000));
    let output = shard.tick(Now::at(1 << 40, 1_700_000_000_000 + (1 << 40)));
    // What it writes itself it must be able to read.
    for record in &output.records {
        let replayed = shard.replay(&record.key, record.value.as_deref());
        assert!(replayed.is_ok(), "{record:?}");
    }
    let _ = (shard.stats(), shard.next_deadline_ms());
}

/// A committed offset, a group with a member, and their removal.
pub fn seeds() -> Vec<Vec<u8>> {
    let offset_key = crate::seeds::hex("0001000767726f75702d6100066f726465727300000003");
    let offset = crate::seeds::hex("0003000000000000002a0000000500046e6f7465000000018bcfe568c0");
    let group_key = crate::seeds::hex("0002000767726f75702d61");
    let mut out = Vec::new();
    for (key, value) in [
        (&offset_key, offset),
        (&group_key, group_value()),
        (&offset_key, Vec::new()),
        (&group_key, Vec::new()),
    ] {
        put_piece(&mut out, key);
        put_piece(&mut out, &value);
    }
    let living = out[..out.len() - 2 * (4) - offset_key.len() - group_key.len()].to_vec();
    vec![out, living]
}

/// The value of a group in version 3: protocol, generation, leader, time, one member.
fn group_value() -> Vec<u8> {
    let mut out = vec![0, 3];
    let text = |out: &mut Vec<u8>, text: &str| {
        out.extend_from_slice(&(text.len() as u16).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    text(&mut out, "consumer");
    out.extend_from_slice(&7_i32.to_be_bytes());
    text(&mut out, "range");
    text(&mut out, "member-1");
    out.extend_from_slice(&1_700_000_000_000_i64.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    text(&mut out, "member-1");
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    text(&mut out, "client");
    text(&mut out, "/127.0.0.1");
    out.extend_from_slice(&60_000_i32.to_be_bytes());
    out.extend_from_slice(&45_000_i32.to_be_bytes());
    for bytes in [&b"\x00\x01\x00\x00\x00\x00"[..], b"assignment"] {
        out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
        out.extend_from_slice(bytes);
    }
    out
}
