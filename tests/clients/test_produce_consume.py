"""Every client: what is produced is consumed, whole, in order, from every position."""

import os
import time

import pytest

from harness.driver import from_wire, to_wire


def create(client, broker, topic, partitions=3, **configs):
    answer = client.admin(broker.bootstrap, "create-topic", topic=topic, partitions=partitions,
                          configs={key.replace("_", "."): str(value) for key, value in configs.items()})
    assert answer == {}, answer


def produce(client, broker, topic, records, **options):
    """Produces, and returns the acknowledgements in the order of the records."""
    events = client.run("produce", {"bootstrap": broker.bootstrap, "topic": topic, **options}, records)
    assert sorted(event["i"] for event in events) == list(range(len(records)))
    return sorted(events, key=lambda event: event["i"])


def consume(client, broker, topic, count, start="beginning", partition=0):
    options = {"bootstrap": broker.bootstrap, "topic": topic, "partition": partition, "from": start, "count": count}
    return [event for event in client.run("consume", options) if event["event"] == "record"]


CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@pytest.mark.parametrize("codec", CODECS)
def test_records_survive_every_compression(client, broker, topic, codec):
    if codec not in client.can("codecs"):
        pytest.skip(f"{client} has no {codec}")
    create(client, broker, topic)
    records = [{"key": to_wire(b"key-%d" % i), "value": to_wire(b"value-%d " % i * 40), "partition": 1} for i in range(300)]
    acks = produce(client, broker, topic, records, compression=codec)
    assert [ack["offset"] for ack in acks] == list(range(300))
    seen = consume(client, broker, topic, 300, partition=1)
    assert [(r["offset"], r["key"], r["value"]) for r in seen] == [
        (i, record["key"], record["value"]) for i, record in enumerate(records)
    ]


def test_headers_keep_duplicates_and_order_and_nulls_stay_nulls(client, broker, topic):
    create(client, broker, topic)
    # The JavaScript libraries keep headers in an object, so only headers of one name keep their order there.
    headers = [["h", to_wire(b"1")], ["h", to_wire(b"\x00\xff")], ["h", to_wire(b"1")], ["empty", to_wire(b"")]]
    records = [
        {"key": to_wire(b"k"), "value": to_wire(b"v"), "headers": headers},
        {"key": to_wire(b"k"), "value": None},
        {"key": None, "value": to_wire(b"")},
    ]
    produce(client, broker, topic, records)
    first, second, third = consume(client, broker, topic, 3)
    # Some libraries hand out an empty value as a missing one, which is not the broker's doing.
    assert [[name, value or ""] for name, value in first["headers"]] == headers
    assert second["key"] == to_wire(b"k") and second["value"] is None
    assert not third["value"] and not third["key"]


def test_a_message_of_900_kilobytes_passes_and_one_over_the_limit_is_refused(client, broker, topic):
    create(client, broker, topic)
    big = to_wire(os.urandom(900_000))
    acks = produce(client, broker, topic, [{"value": big}])
    assert acks[0].get("offset") == 0, acks
    refused = produce(client, broker, topic, [{"value": to_wire(os.urandom(1_200_000))}])
    assert "error" in refused[0], refused
    again = produce(client, broker, topic, [{"value": to_wire(b"after")}])
    assert again[0].get("offset") == 1, again
    seen = consume(client, broker, topic, 2)
    assert seen[0]["value"] == big and from_wire(seen[1]["value"]) == b"after"


def test_consuming_starts_at_an_offset_a_timestamp_the_beginning_and_the_end(client, broker, topic):
    create(client, broker, topic)
    # Within the default retention, which goes by these times and would remove older records.
    base = int(time.time() * 1000) - 3_600_000
    records = [{"value": to_wire(b"%d" % i), "timestamp": base + 1000 * i} for i in range(50)]
    produce(client, broker, topic, records)
    assert consume(client, broker, topic, 1)[0]["offset"] == 0
    assert [r["offset"] for r in consume(client, broker, topic, 2, {"offset": 37})] == [37, 38]
    by_time = consume(client, broker, topic, 1, {"timestamp": base + 20_500})[0]
    assert (by_time["offset"], by_time["timestamp"]) == (21, base + 21_000)

    options = {"bootstrap": broker.bootstrap, "topic": topic, "partition": 0, "from": "end", "count": 1}
    reader = client.start("consume", options)
    try:
        reader.wait_for(lambda events: events, 30, "the reader to be at the end")
        produce(client, broker, topic, [{"value": to_wire(b"new")}])
        seen = [event for event in reader.finish() if event["event"] == "record"]
    finally:
        reader.kill()
    assert [(r["offset"], from_wire(r["value"])) for r in seen] == [(50, b"new")]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_kind_of_acknowledgement(client, broker, topic, acks):
    create(client, broker, topic)
    events = produce(client, broker, topic, [{"value": to_wire(b"%d" % i)} for i in range(20)], acks=acks)
    errors = [event for event in events if "error" in event]
    assert errors == []
    assert [from_wire(r["value"]) for r in consume(client, broker, topic, 20)] == [b"%d" % i for i in range(20)]


def test_an_idempotent_producer_writes_each_record_once(client, broker, topic):
    if not client.can("idempotent"):
        pytest.skip(f"{client} has no idempotent producer")
    create(client, broker, topic)
    records = [{"value": to_wire(b"%d" % i), "partition": i % 3} for i in range(300)]
    acks = produce(client, broker, topic, records, idempotent=True)
    for partition in range(3):
        assert [ack["offset"] for ack in acks if ack["partition"] == partition] == list(range(100))
        seen = consume(client, broker, topic, 100, partition=partition)
        assert [int(from_wire(r["value"])) for r in seen] == list(range(partition, 300, 3))
