//! The workspace is held to the rules, and the rules are shown to bite.

use std::path::PathBuf;

use super::{dependencies, scan, sources};
use crate::repository;

#[test]
fn crates_know_only_whom_they_may() {
    let found = dependencies::violations(&repository::metadata().unwrap());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn sources_keep_the_rules() {
    let root = repository::root();
    let found = sources::violations(&root, &scan::all(&root).unwrap());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_crate_says_what_it_is_for() {
    let found = sources::without_readme(&repository::root());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_scan_sees_every_crate() {
    let found = scan::all(&repository::root()).unwrap();
    for house in crate::layers::HOUSES {
        assert!(
            found
                .iter()
                .any(|source| source.house() == Some(house.folder)
                    && !source.is_test
                    && !source.code.is_empty()),
            "no source of {} was read",
            house.folder
        );
    }
}

fn source(path: &str, text: &str) -> scan::Source {
    scan::Source {
        path: PathBuf::from(path),
        lines: text.lines().count(),
        is_test: false,
        code: scan::code(text),
    }
}

#[test]
fn impurity_is_found_in_code_and_only_there() {
    for (text, expected) in [
        ("use std::fs;", 1),
        ("use std::fs::File;", 1),
        ("let now = Instant::now();", 1),
        ("fn f(now: Now) {} // not SystemTime", 0),
        ("let words = \"std::env\";", 0),
        ("let operand::value = 1;", 0),
        (
            "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
            0,
        ),
        ("#[cfg(test)]\nmod tests;\nuse std::net::IpAddr;", 1),
    ] {
        let found = sources::impure(&source("crates/groups/src/x.rs", text));
        assert_eq!(found.len(), expected, "{text}: {found:?}");
        let found = sources::impure(&source("crates/storage/src/x.rs", text));
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn unsafe_is_found_everywhere_but_in_its_own_crate() {
    let text = "let x = unsafe { y() };";
    assert_eq!(
        sources::unsafe_code(&source("crates/net/src/x.rs", text)).len(),
        1
    );
    assert!(sources::unsafe_code(&source("crates/disk/src/x.rs", text)).is_empty());
    let text = "let unsafe_downgrade = \"unsafe\"; // unsafe";
    assert!(sources::unsafe_code(&source("crates/net/src/x.rs", text)).is_empty());
}

#[test]
fn long_files_and_empty_names_are_found() {
    let long = "x\n".repeat(1001);
    assert!(sources::too_long(&source("crates/net/src/x.rs", &long)).is_some());
    assert!(sources::too_long(&source("crates/net/src/x.rs", &long[2..])).is_none());
    assert_eq!(
        sources::says_nothing(&source("crates/net/src/utils.rs", "")).len(),
        1
    );
    assert_eq!(
        sources::says_nothing(&source("crates/helpers/src/lib.rs", "")).len(),
        1
    );
    assert_eq!(
        sources::says_nothing(&source("crates/net/src/x.rs", "mod misc {\n}")).len(),
        1
    );
    assert!(sources::says_nothing(&source("crates/net/src/frame.rs", "")).is_empty());
}
