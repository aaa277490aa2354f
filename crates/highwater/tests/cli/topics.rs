//! `highwater topic …` and `highwater cluster info`.

use serde_json::{Value, json};

use crate::broker::{Broker, check_shape};

#[test]
fn a_topic_is_created_listed_and_described() {
    let broker = Broker::start("topics");
    let (a, b) = (broker.name("a"), broker.name("b"));

    let text = broker.text(&[
        "topic",
        "create",
        &a,
        "-p",
        "3",
        "-c",
        "retention.ms=86400000",
    ]);
    assert_eq!(text, format!("{a}: created, 3 partitions, 1 replica\n"));
    let created = broker.json(&["topic", "create", &b, "--partitions", "1", "-r", "1"]);
    check_shape(
        &created,
        &json!({"dry_run": "bool", "topics": [{
            "name": "string", "id": "string", "partitions": "number",
            "replication_factor": "number", "created": "bool", "error": "null",
        }]}),
    );

    let list = broker.text(&["topic", "list", &broker.name("")]);
    let rows: Vec<_> = list
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(rows, [Some(&*a), Some(&*b)], "{list}");
    let listed = broker.json(&["topic", "list", &a]);
    check_shape(
        &listed,
        &json!({"topics": [{
            "name": "string", "id": "string", "partitions": "number",
            "replication_factor": "number", "internal": "bool",
        }]}),
    );

    let text = broker.text(&["topic", "describe", &a]);
    assert!(
        text.contains("config retention.ms=86400000 (topic)\n"),
        "{text}"
    );
    assert_eq!(
        text.lines()
            .filter(|line| line.trim_start().starts_with(['0', '1', '2']))
            .count(),
        3
    );
    let described = broker.json(&["topic", "describe", &a]);
    assert_eq!(described["topics"][0]["id"], listed["topics"][0]["id"]);
    let partition = &described["topics"][0]["partitions"][0];
    assert_eq!(
        (&partition["start_offset"], &partition["end_offset"]),
        (&json!(0), &json!(0))
    );
    check_shape(
        partition,
        &json!({
            "partition": "number", "leader": "number", "leader_epoch": "number",
            "replicas": ["number"], "isr": ["number"], "offline": [],
            "start_offset": "number", "end_offset": "number", "error": "null",
        }),
    );

    broker.text(&["topic", "delete", &a, &b, "--yes"]);
}

#[test]
fn a_topic_is_changed_and_deleted() {
    let broker = Broker::start("changed");
    let (a, b) = (broker.name("a"), broker.name("b"));
    let create = [
        "topic",
        "create",
        &a,
        &b,
        "-p",
        "3",
        "-c",
        "retention.ms=86400000",
    ];
    broker.text(&create);

    let text = broker.text(&["topic", "alter", &a, "--set", "cleanup.policy=compact"]);
    assert_eq!(text, format!("topic {a}: set cleanup.policy=compact\n"));
    broker.text(&["topic", "alter", &a, "--unset", "retention.ms"]);
    broker.text(&["topic", "alter", &a, "--append", "cleanup.policy=delete"]);
    let configs = &broker.json(&["topic", "describe", &a])["topics"][0]["configs"];
    assert_eq!(configs["cleanup.policy"]["value"], "compact,delete");
    assert_eq!(configs.get("retention.ms"), None);

    let text = broker.text(&["topic", "add-partitions", &a, "-p", "4", "--dry-run"]);
    assert_eq!(text, format!("{a}: would go from 3 to 4 partitions\n"));
    let added = broker.json(&["topic", "add-partitions", &a, "-p", "5"]);
    assert_eq!(
        (&added["partitions_before"], &added["partitions_after"]),
        (&json!(3), &json!(5))
    );

    let preview = broker.run(&["topic", "delete", &a, &b]).expect_code(2);
    assert!(
        preview.stdout.contains("would be deleted, 5 partitions"),
        "{}",
        preview.stdout
    );
    assert!(preview.complaint().contains("--yes"));
    broker.text(&["topic", "describe", &a]);
    let deleted = broker.json(&["topic", "delete", &a, &b, "--yes"]);
    check_shape(
        &deleted,
        &json!({"topics": [{
            "name": "string", "partitions": "number", "records_at_most": "number",
            "deleted": "bool", "error": "null",
        }]}),
    );
    broker.run(&["topic", "describe", &a]).expect_code(1);
}

#[test]
fn what_the_broker_refuses_of_a_topic_is_said_in_one_line() {
    let broker = Broker::start("refused");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name]);

    let again = broker.run(&["topic", "create", &name]).expect_code(1);
    assert!(
        again.complaint().contains("TOPIC_ALREADY_EXISTS"),
        "{}",
        again.stderr
    );
    let again = broker
        .run(&["topic", "create", &name, "--format", "json"])
        .expect_code(1);
    assert_eq!(
        again.json()["topics"][0]["error"]["code"],
        "TOPIC_ALREADY_EXISTS"
    );
    let text = broker.text(&["topic", "create", &name, "--if-not-exists"]);
    assert_eq!(text, format!("{name}: exists\n"));

    let other = broker.name("other");
    let text = broker.text(&["topic", "create", &other, "--dry-run"]);
    assert_eq!(text, format!("{other}: would be created\n"));
    let described = ["topic", "describe", &other, "--format", "json"];
    let missing = broker.run(&described).expect_code(1);
    let words = "there is no such topic (UNKNOWN_TOPIC_OR_PARTITION)";
    assert_eq!(missing.complaint(), format!("topic {other}: {words}"));
    assert_eq!(missing.stdout, "");
    let one_of_two = broker
        .run(&[&described[..], &[&name]].concat())
        .expect_code(1);
    assert_eq!(one_of_two.json()["topics"][0]["name"], name);

    let bad = ["topic", "create", &other, "-c", "retention.ms=soon"];
    let bad = broker.run(&bad).expect_code(1);
    assert!(bad.complaint().contains("INVALID_CONFIG"), "{}", bad.stderr);
    let bad = broker
        .run(&["topic", "alter", &name, "--set", "no.such.key=1"])
        .expect_code(1);
    assert!(bad.complaint().contains("no.such.key"), "{}", bad.stderr);
    let many = broker
        .run(&["topic", "create", &other, "-r", "9"])
        .expect_code(1);
    assert!(
        many.complaint().contains("INVALID_REPLICATION_FACTOR"),
        "{}",
        many.stderr
    );
    let fewer = broker
        .run(&["topic", "add-partitions", &name, "-p", "1"])
        .expect_code(1);
    assert!(
        fewer.complaint().contains("INVALID_PARTITIONS"),
        "{}",
        fewer.stderr
    );
    broker.text(&["topic", "delete", &name, "--yes"]);
}

#[test]
fn a_trim_moves_the_start_of_a_log() {
    let broker = Broker::start("trim");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name, "-p", "2"]);
    broker
        .run_with(&["produce", &name, "-p", "1", "-q"], b"a\nb\nc\nd\n")
        .expect_code(0);

    let trim = ["topic", "trim", &name, "--partition", "1", "--before", "2"];
    let preview = broker.run(&trim).expect_code(2);
    assert!(preview.complaint().contains("--yes"));
    let trimmed = broker.json(&[&trim[..], &["--yes"]].concat());
    let expected = json!({"topic": name, "partitions": [{
        "partition": 1, "start_offset_before": 0, "start_offset_after": 2,
        "trimmed": true, "error": null,
    }]});
    assert_eq!(trimmed, expected);
    let rest = broker.text(&["consume", &name, "--to", "end", "-f", "%o=%s "]);
    assert_eq!(rest, "2=c 3=d ");
    let text = broker.text(&["topic", "trim", &name, "--before", "end", "--yes"]);
    let last: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, ["1", "2", "4", "yes", "-"], "{text}");
    broker.text(&["topic", "delete", &name, "--yes"]);
}

#[test]
fn the_cluster_is_shown() {
    let broker = Broker::start("cluster");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name]);
    let text = broker.text(&["cluster", "info"]);
    assert!(text.starts_with("cluster "), "{text}");
    assert!(text.contains("controller"), "{text}");
    let info = broker.json(&["cluster", "info"]);
    assert_eq!(info["totals"]["without_leader"], 0);
    let shown = &info["brokers"][0];
    let dir = &shown["log_dirs"][0];
    assert!(dir["path"].is_string() && dir["error"].is_null(), "{dir}");
    assert!(dir["replicas"].as_i64() >= Some(1), "{dir}");
    assert!(
        dir["used_bytes"].is_number() && dir["free_bytes"].is_number(),
        "{dir}"
    );
    let fields: Vec<_> = info
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(fields, ["brokers", "cluster_id", "quorum", "totals"]);
    assert!(matches!(shown["controller"], Value::Bool(true)), "{shown}");
    broker.text(&["topic", "delete", &name, "--yes"]);
}
