//! `highwater produce` and `highwater consume`.

use serde_json::{Value, json};

use crate::broker::Broker;

/// Everything in a topic by that template, partitions in any order.
fn read(broker: &Broker, topic: &str, template: &str) -> Vec<String> {
    let text = broker.text(&[
        "consume",
        topic,
        "--to",
        "end",
        "-f",
        &format!("{template}\\n"),
    ]);
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn every_compression_arrives_as_it_was_sent() {
    let broker = Broker::start("compression");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name, "-p", "1"]);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let lines: String = (0..500).map(|n| format!("{codec}-{n:03}\n")).collect();
        broker
            .run_with(&["produce", &name, "-q", "-z", codec], lines.as_bytes())
            .expect_code(0);
        let last = broker.text(&["consume", &name, "--from", "-500", "--to", "end"]);
        assert_eq!(last, lines, "{codec}");
    }
    broker.text(&["topic", "delete", &name, "--yes"]);
}

#[test]
fn keys_headers_partitions_and_tombstones_are_kept() {
    let broker = Broker::start("fields");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name, "-p", "3"]);
    let produce = [
        "produce",
        &name,
        "-K",
        ":",
        "-H",
        "a=1",
        "-H",
        "a=2",
        "-Z",
        "--partition",
        "2",
    ];
    let written = broker.run_with(&produce, b"k1:v1\nk2:\n").expect_code(0);
    assert!(
        written
            .stdout
            .starts_with(&format!("2 records to {name}\n")),
        "{}",
        written.stdout
    );
    assert_eq!(
        read(&broker, &name, "%p %o %k(%K)=%s(%S) %h"),
        ["2 0 k1(2)=v1(2) a=1,a=2", "2 1 k2(2)=(-1) a=1,a=2"]
    );
    // The partition that a Java client would pick for this key among three.
    broker
        .run_with(&["produce", &name, "-q", "--key", "abc"], b"x\n")
        .expect_code(0);
    assert_eq!(
        read(&broker, &name, "%k %p")[0],
        format!("abc {}", 479_470_107 % 3)
    );

    for (acks, offset) in [("1", json!(2)), ("0", Value::Null)] {
        let produce = [
            "produce", &name, "-p", "2", "--acks", acks, "--format", "json",
        ];
        let report = broker.run_with(&produce, b"y\n").expect_code(0).json();
        let expected = json!({"topic": name, "records": 1, "failed": 0, "partitions": [{
            "partition": 2, "records": 1, "first_offset": offset, "last_offset": offset,
        }]});
        assert_eq!(report, expected);
    }
    broker.text(&["topic", "delete", &name, "--yes"]);
}

#[test]
fn what_consume_writes_as_json_produce_can_read() {
    let broker = Broker::start("json");
    let (from, to) = (broker.name("from"), broker.name("to"));
    broker.text(&["topic", "create", &from, &to, "-p", "2"]);
    let input = concat!(
        r#"{"value":"plain"}"#,
        "\n",
        r#"{"key":{"base64":"/w=="},"value":null,"partition":1,"timestamp_ms":1500000000000}"#,
        "\n",
        r#"{"key":"ü","value":"v","headers":[{"key":"h","value":null},{"key":"h","value":"2"}]}"#,
        "\n"
    );
    let produce = ["produce", &from, "-q", "--input", "json"];
    broker.run_with(&produce, input.as_bytes()).expect_code(0);
    let lines = |topic: &str| {
        let text = broker.text(&["consume", topic, "--to", "end", "--format", "json"]);
        let mut lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines.sort_by_key(|line| (line["partition"].as_i64(), line["offset"].as_i64()));
        lines
    };
    let copied = broker.text(&["consume", &from, "--to", "end", "--format", "json"]);
    broker
        .run_with(&["produce", &to, "-q", "-i", "json"], copied.as_bytes())
        .expect_code(0);
    let mut original = lines(&from);
    assert_eq!(original.len(), 3);
    original
        .iter_mut()
        .for_each(|line| line["topic"] = json!(to));
    assert_eq!(original, lines(&to));
    let tombstone = original
        .iter()
        .find(|line| line["value"].is_null())
        .unwrap();
    assert_eq!(tombstone["key"], json!({"base64": "/w=="}));
    assert_eq!(tombstone["timestamp_ms"], json!(1_500_000_000_000_i64));
    broker.text(&["topic", "delete", &from, &to, "--yes"]);
}

#[test]
fn reading_begins_and_ends_at_every_kind_of_position() {
    let broker = Broker::start("positions");
    let name = broker.name("t");
    broker.text(&["topic", "create", &name, "-p", "1"]);
    let line = |n: i64| {
        format!(
            "{{\"value\":\"{n}\",\"timestamp_ms\":{}}}\n",
            1_600_000_000_000 + n
        )
    };
    let lines: String = (0..10).map(line).collect();
    let produce = ["produce", &name, "-q", "-i", "json"];
    broker.run_with(&produce, lines.as_bytes()).expect_code(0);
    for (from, to, expected) in [
        ("start", "end", "0123456789"),
        ("7", "end", "789"),
        ("-2", "end", "89"),
        ("3", "5", "34"),
        ("start", "-8", "01"),
        ("@1600000000006", "end", "6789"),
        ("2020-09-13T12:26:40.004Z", "@1600000000006", "45"),
        ("10m", "end", ""),
        ("52w", "end", ""),
        ("end", "end", ""),
        ("5", "2", ""),
        ("99", "end", ""),
    ] {
        let text = broker.text(&["consume", &name, "--from", from, "--to", to, "-f", "%s"]);
        assert_eq!(text, expected, "from {from} to {to}");
    }
    let two = broker.text(&["consume", &name, "-n", "2", "-f", "%s", "--partition", "0"]);
    assert_eq!(two, "01");
    broker.text(&["topic", "delete", &name, "--yes"]);
}

#[test]
fn what_cannot_be_written_or_read_is_said() {
    let broker = Broker::start("record-errors");
    let name = broker.name("t");
    broker.text(&[
        "topic",
        "create",
        &name,
        "-p",
        "1",
        "-c",
        "max.message.bytes=1000",
    ]);
    let large = vec![b'x'; 2000];
    let refused = broker
        .run_with(&["produce", &name, "-q"], &large)
        .expect_code(1);
    assert!(
        refused.complaint().contains("MESSAGE_TOO_LARGE"),
        "{}",
        refused.stderr
    );
    let nonsense = broker
        .run_with(
            &["produce", &name, "-q", "-i", "json"],
            b"{\"value\":\"small\"}\n{]\n",
        )
        .expect_code(1);
    assert_eq!(
        nonsense.complaint(),
        "line 2: key must be a string at column 2"
    );
    let missing = broker
        .run(&["consume", &broker.name("none"), "--to", "end"])
        .expect_code(1);
    assert!(
        missing.complaint().contains("UNKNOWN_TOPIC_OR_PARTITION"),
        "{}",
        missing.stderr
    );
    let partition = broker
        .run(&["consume", &name, "-p", "7", "--to", "end"])
        .expect_code(1);
    assert!(
        partition.complaint().contains("no partition 7"),
        "{}",
        partition.stderr
    );
    // A record after one that was refused still gets through.
    let mixed = [&large[..], b"\nsmall\n"].concat();
    broker.run_with(&["produce", &name, "-q"], &mixed);
    broker
        .run_with(&["produce", &name, "-q"], b"small\n")
        .expect_code(0);
    assert!(
        read(&broker, &name, "%s")
            .iter()
            .all(|value| value == "small")
    );
    broker.text(&["topic", "delete", &name, "--yes"]);
}
