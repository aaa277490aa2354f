//! Endpoints that clients could not use, or that too many could.

use super::*;
use crate::layers::Layers;

fn findings(arguments: &[&str]) -> Vec<(Severity, String)> {
    let layers = arguments
        .iter()
        .fold(Layers::new(), |layers, argument| layers.argument(argument));
    let config = layers.finish().unwrap().broker().unwrap();
    check_endpoints(&config)
        .into_iter()
        .map(|f| (f.severity, f.message))
        .collect()
}

#[test]
fn the_default_node_has_nothing_to_warn_of() {
    assert_eq!(findings(&[]), []);
}

#[test]
fn what_cannot_work_is_told_with_what_to_set() {
    let open = "allow.insecure.listeners=true";
    let rows: &[(&[&str], &str)] = &[
        (
            &[open, "listeners=PLAINTEXT://0.0.0.0:9092"],
            "set advertised.listeners=PLAINTEXT://<host that clients can reach>:9092",
        ),
        (
            &[
                open,
                "listeners=PLAINTEXT://:9092",
                "advertised.listeners=PLAINTEXT://localhost:9092",
            ],
            "sends clients to PLAINTEXT://localhost:9092, which is their own machine",
        ),
        (
            &["advertised.listeners=PLAINTEXT://example.org:9092"],
            "Set listeners=PLAINTEXT://0.0.0.0:9092",
        ),
        (
            &["advertised.listeners=PLAINTEXT://127.0.0.1:0"],
            "Set advertised.listeners=PLAINTEXT://<host>:9092",
        ),
        (
            &[
                "listeners=PLAINTEXT://127.0.0.1:9092,B://127.0.0.1:9093",
                "listener.security.protocol.map=B:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "advertised.listeners=PLAINTEXT://127.0.0.1:9092",
            ],
            "Add B://<host>:9093 there",
        ),
    ];
    for (arguments, text) in rows {
        let found = findings(arguments);
        assert!(
            found
                .iter()
                .any(|(severity, m)| *severity == Severity::Warning && m.contains(text)),
            "{arguments:?}: {found:?}"
        );
    }
}

#[test]
fn a_listener_off_loopback_must_be_meant() {
    let listeners = "listeners=PLAINTEXT://10.0.0.1:9092";
    let refused = findings(&[listeners]);
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].0, Severity::Error);
    assert!(
        refused[0].1.contains("set allow.insecure.listeners=true"),
        "{}",
        refused[0].1
    );
    let allowed = findings(&[listeners, "allow.insecure.listeners=true"]);
    assert_eq!(allowed.len(), 1);
    assert_eq!(allowed[0].0, Severity::Warning);
    let admin = findings(&["admin.listener=0.0.0.0:9644"]);
    assert!(
        admin[0]
            .1
            .starts_with("admin.listener 0.0.0.0:9644 would be open"),
        "{admin:?}"
    );
    assert_eq!(findings(&["admin.listener="]), []);
    for host in ["localhost", "127.5.5.5", "[::1]", "[::ffff:127.0.0.1]"] {
        let listeners = format!("listeners=PLAINTEXT://{host}:9092");
        assert_eq!(findings(&[&listeners]), [], "{host}");
    }
}

#[test]
fn a_protocol_that_is_not_served_is_an_error() {
    let found = findings(&["listeners=SSL://127.0.0.1:9092"]);
    assert_eq!(found[0].0, Severity::Error);
    assert!(found[0].1.contains("not served yet"), "{found:?}");
}
