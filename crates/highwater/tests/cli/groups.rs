//! `highwater group …`, and consuming in a group.

use serde_json::json;

use crate::broker::{Broker, check_shape};

#[test]
fn a_group_reads_on_where_it_left_off() {
    let broker = Broker::start("groups");
    let (topic, group) = (broker.name("t"), broker.name("g"));
    broker.text(&["topic", "create", &topic, "-p", "2"]);
    let lines: String = (0..20).map(|n| format!("{n:02}\n")).collect();
    broker
        .run_with(&["produce", &topic, "-q", "-p", "1"], lines.as_bytes())
        .expect_code(0);

    let consume = ["consume", &topic, "-g", &group, "-n", "5", "-f", "%s "];
    assert_eq!(broker.text(&consume), "00 01 02 03 04 ");
    assert_eq!(broker.text(&consume), "05 06 07 08 09 ");

    let text = broker.text(&["group", "describe", &group]);
    assert!(text.starts_with(&format!("group {group}, Empty")), "{text}");
    let described = broker.json(&["group", "describe", &group]);
    let described = &described["groups"][0];
    assert_eq!(described["total_lag"], 10);
    let expected = json!({
        "topic": topic, "partition": 1, "committed_offset": 10, "end_offset": 20, "lag": 10,
        "member": null, "metadata": null,
    });
    assert!(
        described["offsets"].as_array().unwrap().contains(&expected),
        "{described:#}"
    );

    let listed = broker.json(&["group", "list", &group]);
    check_shape(
        &listed,
        &json!({"groups": [{
            "group": "string", "state": "string", "type": "string", "protocol_type": "string",
        }]}),
    );
    assert!(broker.text(&["group", "list"]).contains(&group));

    broker.text(&["group", "delete", &group, "--yes"]);
    broker.text(&["topic", "delete", &topic, "--yes"]);
}

#[test]
fn the_offsets_of_a_group_are_reset_and_deleted() {
    let broker = Broker::start("reset");
    let (topic, group) = (broker.name("t"), broker.name("g"));
    broker.text(&["topic", "create", &topic, "-p", "2"]);
    let lines: String = (0..20).map(|n| format!("{n:02}\n")).collect();
    broker
        .run_with(&["produce", &topic, "-q", "-p", "1"], lines.as_bytes())
        .expect_code(0);
    broker.text(&["consume", &topic, "-g", &group, "-n", "10"]);

    let reset = [
        "group",
        "reset",
        &group,
        "--topic",
        &format!("{topic}:1"),
        "--to",
        "18",
    ];
    let preview = broker.run(&reset).expect_code(2);
    assert!(preview.complaint().contains("--yes"));
    let done = broker.json(&[&reset[..], &["--yes"]].concat());
    let expected = json!({"group": group, "offsets": [{
        "topic": topic, "partition": 1, "offset_before": 10, "offset_after": 18,
        "reset": true, "error": null,
    }]});
    assert_eq!(done, expected);
    let back = [
        "group",
        "reset",
        &group,
        "-t",
        &format!("{topic}:1"),
        "--by",
        "-1",
        "--yes",
    ];
    assert!(broker.text(&back).contains("17"));
    let rest = broker.text(&["consume", &topic, "-g", &group, "-n", "3", "-f", "%s "]);
    assert_eq!(rest, "17 18 19 ");

    let delete = ["group", "delete", &group];
    assert!(
        broker
            .run(&delete)
            .expect_code(2)
            .stdout
            .contains("would be deleted")
    );
    let offsets = [
        "group", "delete", &group, "--topic", &topic, "--yes", "--format", "json",
    ];
    let deleted = broker.run(&offsets).expect_code(0).json();
    assert_eq!(deleted["topics"], json!([topic]));
    // Some coordinators let a group go with its last offset.
    let deleted = broker.run(&["group", "delete", &group, "--yes"]);
    assert!(
        deleted.code == 0 || deleted.stderr.contains("GROUP_ID_NOT_FOUND"),
        "{}",
        deleted.stderr
    );
    broker.run(&["group", "describe", &group]).expect_code(1);
    broker.text(&["topic", "delete", &topic, "--yes"]);
}

#[test]
fn a_group_that_does_not_exist_is_named() {
    let broker = Broker::start("no-group");
    let group = broker.name("none");
    let missing = broker.run(&["group", "describe", &group]).expect_code(1);
    assert!(missing.complaint().contains(&group), "{}", missing.stderr);
    let nothing = broker
        .run(&["group", "reset", &group, "--to", "start"])
        .expect_code(1);
    assert!(
        nothing.complaint().contains("no committed offsets"),
        "{}",
        nothing.stderr
    );
    let deleted = broker
        .run(&["group", "delete", &group, "--yes"])
        .expect_code(1);
    assert!(
        deleted.complaint().contains("GROUP_ID_NOT_FOUND"),
        "{}",
        deleted.stderr
    );
    broker.run(&["group", "reset", &group]).expect_code(2);
}
