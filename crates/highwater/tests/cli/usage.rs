//! What does not need a broker.

use crate::broker::run_binary;

/// Nothing listens on port 1.
const NOBODY: &str = "127.0.0.1:1";

#[test]
fn an_address_where_nobody_answers_is_one_line_and_exit_code_1() {
    for args in [
        &["topic", "list"][..],
        &["cluster", "info", "--format", "json"],
        &["group", "list", "-b", "localhost:1"],
        &["consume", "t"],
    ] {
        let ran = run_binary(args, b"", NOBODY).expect_code(1);
        assert!(
            ran.complaint().starts_with("cannot connect to "),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for args in [
        &["topic"][..],
        &["topic", "create"],
        &["topic", "create", "a/b"],
        &["topic", "create", "t", "-p", "0"],
        &["topic", "create", "t", "-c", "retention.ms"],
        &["topic", "alter", "t"],
        &["topic", "trim", "t"],
        &["topic", "trim", "t", "--before", "sometime"],
        &["topic", "list", "--timeout", "fast"],
        &["config", "get", "planet", "x"],
        &["group", "reset", "g"],
        &["group", "reset", "g", "--to", "1", "--by", "1"],
        &["consume", "t", "-f", "%q"],
        &["consume", "t", "-f", "%s", "--format", "json"],
        &["produce", "t", "-z", "zip"],
        &["topic", "list", "-b", ","],
        &["topic", "list", "-b", "host:99999"],
        &["consume", "t", "-b", "host:9092,other:"],
        &["nonsense"],
    ] {
        let ran = run_binary(args, b"", NOBODY).expect_code(2);
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn an_address_that_cannot_be_one_is_named() {
    let ran = run_binary(&["topic", "list", "-b", "host:99999"], b"", NOBODY).expect_code(2);
    let expected = "\"99999\" is not a port; ports are 1 to 65535";
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn a_log_filter_that_means_nothing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"))
        .arg("broker")
        .args(["--set", &format!("log.dirs={}", dir.path().display())])
        // The start would end here too, with exit code 1.
        .args(["--set", "listeners=PLAINTEXT://192.0.2.1:1"])
        .args(["--set", "allow.insecure.listeners=true"])
        .env("HIGHWATER_LOG", "info,highwater_broker=loud")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = "highwater: HIGHWATER_LOG: \"highwater_broker=loud\" is no log directive";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn the_help_of_group_reset_says_that_it_wants_a_target() {
    let ran = run_binary(&["group", "reset", "--help"], b"", NOBODY).expect_code(0);
    let usage = "group reset [OPTIONS] <--to <POSITION>|--by <RECORDS>> <GROUP>";
    assert!(ran.stdout.contains(usage), "{}", ran.stdout);
}

#[test]
fn there_are_completions_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run_binary(&["completions", shell], b"", NOBODY).expect_code(0);
        assert!(ran.stdout.contains("add-partitions"), "{shell}");
    }
}
