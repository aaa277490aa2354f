//! `highwater log dump` of a whole data directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::broker::Broker;

/// Files that hold data, at any depth.
fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files_below(&path, found);
        } else if !name.starts_with('.') {
            found.push(path);
        }
    }
}

#[test]
fn every_file_of_a_stopped_broker_can_be_looked_at() {
    let mut broker = Broker::start("dump");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name, "-p", "2"]);
    // Enough for the producers to be written down at the stop.
    let lines: String = (0..5_000).map(|n| format!("{n:060}\n")).collect();
    broker
        .run_with(&["produce", &name, "-q"], lines.as_bytes())
        .expect_code(0);
    // Somebody else's broker has its files elsewhere.
    let Some(data) = broker.stop() else { return };
    let mut files = Vec::new();
    files_below(&data, &mut files);
    let mut args = vec!["log", "dump"];
    args.extend(files.iter().map(|path| path.to_str().unwrap()));
    let text = broker.text(&args);
    assert!(text.contains("baseOffset: 0 "), "{text}");
    assert!(text.contains("flushedEnd: "), "{text}");
    args.extend(["-r"]);
    let dumped = broker.json(&args);
    let dumped = dumped["files"].as_array().unwrap();
    assert_eq!(dumped.len(), files.len());
    let kinds = dumped.iter().map(|file| file["kind"].as_str().unwrap());
    let kinds: BTreeSet<_> = kinds.collect();
    for kind in [
        "segment",
        "offset-index",
        "time-index",
        "producer-snapshot",
        "offset-checkpoint",
        "leader-epochs",
        "partition-metadata",
        "properties",
        "flushed-ends",
    ] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    let records = dumped.iter().filter_map(|file| file["batches"].as_array());
    let records: usize = records
        .flatten()
        .filter(|batch| !batch["control"].as_bool().unwrap())
        .filter_map(|batch| batch["records"].as_array())
        .map(Vec::len)
        .sum();
    assert!(records >= 5_000, "{records}");
}
