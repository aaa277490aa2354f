"""Every client: the administrative calls that it offers."""

import uuid

import pytest

from harness.driver import to_wire
from harness.waiting import wait_until


def call(client, broker, operation, **options):
    answer = client.admin(broker.bootstrap, operation, **options)
    if "unsupported" in answer:
        pytest.skip(f"{client} offers no {operation}")
    return answer


def create(client, broker, topic, partitions=3, configs=None):
    answer = call(client, broker, "create-topic", topic=topic, partitions=partitions, configs=configs or {})
    assert answer == {}, answer


def test_topics_are_created_listed_described_and_deleted(client, broker, topic):
    create(client, broker, topic, 5)
    assert topic in call(client, broker, "list-topics")["topics"]
    assert call(client, broker, "describe-topic", topic=topic)["partitions"] == 5
    assert "error" in call(client, broker, "create-topic", topic=topic, partitions=5), "created twice"
    assert call(client, broker, "delete-topic", topic=topic) == {}
    wait_until(lambda: topic not in call(client, broker, "list-topics")["topics"], 30, "the topic to be gone")


def test_partitions_are_added(client, broker, topic):
    create(client, broker, topic, 2)
    assert call(client, broker, "create-partitions", topic=topic, partitions=4) == {}
    wait_until(lambda: call(client, broker, "describe-topic", topic=topic)["partitions"] == 4, 30, "four partitions")
    assert "error" in call(client, broker, "create-partitions", topic=topic, partitions=3), "shrank"


def test_topic_configs_are_set_at_creation_altered_and_described(client, broker, topic):
    create(client, broker, topic, 1, {"retention.ms": "111000"})
    configs = call(client, broker, "describe-config", topic=topic)["configs"]
    assert configs["retention.ms"] == "111000"
    assert configs["cleanup.policy"] == "delete" and configs["max.message.bytes"] == "1048588"
    assert call(client, broker, "alter-config", topic=topic, configs={"retention.ms": "222000"}) == {}
    wait_until(
        lambda: call(client, broker, "describe-config", topic=topic)["configs"]["retention.ms"] == "222000",
        30, "the new retention",
    )


def test_a_bad_config_value_is_refused(client, broker, topic):
    answer = call(client, broker, "create-topic", topic=topic, partitions=1, configs={"retention.ms": "soon"})
    assert "error" in answer
    assert topic not in call(client, broker, "list-topics")["topics"]


def test_records_are_deleted_before_an_offset(client, broker, topic):
    create(client, broker, topic, 1)
    client.run("produce", {"bootstrap": broker.bootstrap, "topic": topic}, [{"value": to_wire(b"x")}] * 10)
    answer = call(client, broker, "delete-records", topic=topic, partition=0, offset=7)
    assert answer.get("low_watermark") in (7, None) and "error" not in answer, answer
    options = {"bootstrap": broker.bootstrap, "topic": topic, "from": "beginning", "count": 1}
    seen = [event for event in client.run("consume", options) if event["event"] == "record"]
    assert seen[0]["offset"] == 7


def test_groups_are_listed_described_and_deleted(client, broker, topic):
    group = f"g-{uuid.uuid4().hex[:12]}"
    create(client, broker, topic, 1)
    client.run("produce", {"bootstrap": broker.bootstrap, "topic": topic}, [{"value": to_wire(b"x")}])
    member = client.start("group", {"bootstrap": broker.bootstrap, "topics": [topic], "group": group})
    try:
        member.wait_for(lambda events: any(e["event"] == "record" for e in events), 60, "the record")
        assert group in call(client, broker, "list-groups")["groups"]
        assert call(client, broker, "describe-group", group=group) == {"state": "Stable", "members": 1}
        member.finish()
    finally:
        member.kill()
    wait_until(
        lambda: call(client, broker, "describe-group", group=group) == {"state": "Empty", "members": 0},
        30, "the group to be empty",
    )
    assert call(client, broker, "delete-group", group=group) == {}
    assert group not in call(client, broker, "list-groups")["groups"]
