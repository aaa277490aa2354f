//! `highwater config get|set|unset`.

use serde_json::json;

use crate::broker::{Broker, check_shape};

#[test]
fn configs_of_topics_are_read_and_changed() {
    let broker = Broker::start("configs");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name]);

    let text = broker.text(&["config", "set", "topic", &name, "retention.ms=5000"]);
    assert_eq!(text, format!("topic {name}: set retention.ms=5000\n"));
    let text = broker.text(&["config", "get", "topic", &name, "retention.ms"]);
    let row: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row, ["retention.ms", "5000", "topic", "long"]);
    let got = broker.json(&["config", "get", "topic", &name, "retention.ms"]);
    check_shape(
        &got,
        &json!({"kind": "string", "name": "string", "configs": [{
            "name": "string", "value": "string", "source": "string", "type": "string",
            "read_only": "bool", "sensitive": "bool", "documentation": "string",
            "synonyms": [{"name": "string", "value": "string", "source": "string"}],
        }]}),
    );
    let all = broker.json(&["config", "get", "topic", &name]);
    assert!(all["configs"].as_array().unwrap().len() > 20, "{all:#}");
    let dry = [
        "config",
        "unset",
        "topic",
        &name,
        "retention.ms",
        "--dry-run",
    ];
    assert_eq!(
        broker.text(&dry),
        format!("topic {name}: would unset retention.ms\n")
    );
    let unset = broker.json(&["config", "unset", "topic", &name, "retention.ms"]);
    let change = json!({"name": "retention.ms", "operation": "unset", "value": null});
    assert_eq!(unset["changes"], json!([change]));
    let got = broker.json(&["config", "get", "topic", &name, "--changed"]);
    let sources = got["configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|config| &config["source"]);
    assert!(
        sources.into_iter().all(|source| source != "topic"),
        "{got:#}"
    );
    broker.text(&["topic", "delete", &name, "--yes"]);
}

#[test]
fn configs_of_brokers_and_groups_are_read_and_changed() {
    let broker = Broker::start("broker-configs");
    let info = broker.json(&["cluster", "info"]);
    let id = info["brokers"][0]["id"].to_string();
    let node = broker.json(&["config", "get", "broker", &id, "node.id"]);
    assert_eq!(node["configs"][0]["value"], id.as_str());
    assert_eq!(node["configs"][0]["read_only"], true);

    broker.text(&[
        "config",
        "set",
        "broker",
        "default",
        "log.retention.ms=777000",
    ]);
    let got = broker.json(&["config", "get", "broker", &id, "log.retention.ms"]);
    assert_eq!(got["configs"][0]["value"], "777000");
    assert_eq!(got["configs"][0]["source"], "dynamic-default-broker");
    broker.text(&["config", "unset", "broker", "default", "log.retention.ms"]);

    let group = broker.name("g");
    broker.text(&[
        "config",
        "set",
        "group",
        &group,
        "consumer.session.timeout.ms=50000",
    ]);
    let got = broker.json(&[
        "config",
        "get",
        "group",
        &group,
        "consumer.session.timeout.ms",
    ]);
    assert_eq!(got["configs"][0]["value"], "50000");
    broker.text(&[
        "config",
        "unset",
        "group",
        &group,
        "consumer.session.timeout.ms",
    ]);
}

#[test]
fn what_cannot_be_read_or_changed_is_named() {
    let broker = Broker::start("config-errors");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name]);
    let unknown = broker
        .run(&["config", "get", "topic", &name, "no.such.key"])
        .expect_code(1);
    assert!(
        unknown.complaint().contains("no.such.key"),
        "{}",
        unknown.stderr
    );
    let missing = broker
        .run(&["config", "get", "topic", &broker.name("none")])
        .expect_code(1);
    assert!(
        missing.complaint().contains("UNKNOWN_TOPIC_OR_PARTITION"),
        "{}",
        missing.stderr
    );
    for command in [
        &["config", "get", "broker", "2147483647"][..],
        &[
            "config",
            "set",
            "broker",
            "2147483647",
            "log.cleaner.threads=1",
        ],
        &[
            "config",
            "unset",
            "broker",
            "2147483647",
            "log.cleaner.threads",
        ],
    ] {
        let nobody = broker.run(command).expect_code(1);
        assert_eq!(nobody.complaint(), "the cluster has no broker 2147483647");
    }
    let bad = ["config", "set", "topic", &name, "retention.ms=soon"];
    let bad = broker.run(&bad).expect_code(1);
    assert!(bad.complaint().contains("INVALID_CONFIG"), "{}", bad.stderr);
    broker
        .run(&["config", "set", "topic", &name, "retention.ms"])
        .expect_code(2);
    broker
        .run(&["config", "get", "broker", "zero"])
        .expect_code(2);
    broker.text(&["topic", "delete", &name, "--yes"]);
}
