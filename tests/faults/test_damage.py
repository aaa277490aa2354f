"""Damaged files: rot is found and never served, and whatever can be rebuilt is rebuilt."""

import shutil

import confluent_kafka as ck
import pytest

from harness.clients import driver
from harness.driver import from_wire, to_wire
from harness.waiting import wait_until

pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(180)]
CLIENT = driver("confluent-kafka")
RECORDS = 60


@pytest.fixture
def filled(make_broker, topic):
    """A stopped broker with two partitions of 60 batches of one record each, in more than one segment."""
    broker = make_broker({"offsets.topic.num.partitions": "1", "log.index.interval.bytes": "4096"})
    broker.start()
    configs = {"segment.bytes": str(1 << 20)}
    assert CLIENT.admin(broker.bootstrap, "create-topic", topic=topic, partitions=2, configs=configs) == {}
    fill(broker, topic)
    broker.stop()
    assert len(segments(broker, topic)) > 1, "the log did not roll"
    return broker


def fill(broker, topic):
    errors = []
    producer = ck.Producer({
        "bootstrap.servers": broker.bootstrap, "enable.idempotence": True, "batch.num.messages": 1, "log_level": 0,
    })
    for i in range(RECORDS):
        for partition in range(2):
            producer.produce(topic, value=value(i), partition=partition,
                             on_delivery=lambda error, _: errors.append(error) if error else None)
    assert producer.flush(30) == 0 and errors == []


def value(i):
    return b"record-%04d " % i + b"x" * 20_000


def folder(broker, topic, partition=0):
    return broker.data / f"{topic}-{partition}"


def segments(broker, topic, partition=0):
    return sorted(folder(broker, topic, partition).glob("*.log"))


def segment_with(broker, topic, content):
    """The segment that holds these bytes."""
    return next(path for path in segments(broker, topic) if content in path.read_bytes())


def consume(broker, topic, count, start="beginning", partition=0):
    options = {"bootstrap": broker.bootstrap, "topic": topic, "partition": partition, "from": start, "count": count}
    return [(e["offset"], from_wire(e["value"])) for e in CLIENT.run("consume", options) if e["event"] == "record"]


def whole():
    return [(i, value(i)) for i in range(RECORDS)]


def produce_one_more(broker, topic):
    events = CLIENT.run("produce", {"bootstrap": broker.bootstrap, "topic": topic}, [{"value": to_wire(b"more")}])
    assert events == [{"i": 0, "partition": 0, "offset": RECORDS}], events


@pytest.mark.allow_log(r"(?i)corrupt|damage|crc|checksum|rot")
def test_a_flipped_byte_is_named_and_never_served_and_the_rest_is(filled, topic):
    segment = segment_with(filled, topic, b"record-0030 ")
    data = bytearray(segment.read_bytes())
    at = data.index(b"record-0030 ") + 50
    data[at] ^= 0x40
    segment.write_bytes(data)
    filled.start()
    assert consume(filled, topic, 30) == whole()[:30], "what lies before the damage"
    assert consume(filled, topic, RECORDS, partition=1) == whole(), "another partition"
    assert consume(filled, topic, RECORDS - 31, {"offset": 31}) == whole()[31:], "what lies behind the damage"

    running = CLIENT.start("consume", {"bootstrap": filled.bootstrap, "topic": topic, "partition": 0, "from": {"offset": 30}, "count": 1})
    try:
        wait_until(lambda: f"{topic}-0" in "\n".join(filled.suspicious_lines([])), 30, "a line that names the damaged file")
        # Reading from a healthy partition takes as long as the answer to the reader, had it got one.
        consume(filled, topic, 5, partition=1)
        running.poll()
        served = [e for e in running.events if e["event"] == "record" and e["offset"] == 30]
        assert served == [], "the damaged record was served"
    finally:
        running.kill()


@pytest.mark.allow_log(r"(?i)index|rebuil|checkpoint|snapshot|missing|damage|corrupt")
@pytest.mark.parametrize("damage", ["rubbish", "missing", "empty"])
@pytest.mark.parametrize("pattern", [
    "{t}-0/*.index", "{t}-0/*.timeindex", "{t}-0/leader-epoch-checkpoint", "{t}-0/*.snapshot",
    "recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint",
])
@pytest.mark.parametrize("end", ["clean", "crash"])
def test_what_can_be_rebuilt_is_rebuilt(filled, topic, pattern, damage, end):
    if end == "crash":
        filled.start()
        filled.kill()
    found = list(filled.data.glob(pattern.format(t=topic)))
    assert found, f"there is no {pattern} to damage"
    for path in found:
        if damage == "missing":
            path.unlink()
        else:
            path.write_bytes(b"rubbish!" * 40 if damage == "rubbish" else b"")
    filled.start()
    assert consume(filled, topic, RECORDS) == whole()
    assert consume(filled, topic, 10, {"offset": 45}) == whole()[45:55]
    produce_one_more(filled, topic)
    filled.stop()
    filled.start()
    assert consume(filled, topic, RECORDS + 1)[-1] == (RECORDS, b"more")


@pytest.mark.allow_log(r"(?i)torn|truncat|cut|recover|unclean")
def test_a_torn_tail_after_a_crash_is_cut_and_said(filled, topic):
    filled.start()
    filled.kill()
    segment = segments(filled, topic)[-1]
    data = segment.read_bytes()
    end = data.rindex(value(RECORDS - 1)) + len(value(RECORDS - 1)) + 1
    batch = data[data.rindex(b"record-0058"):end]
    segment.write_bytes(data[:end] + batch[: len(batch) // 2])
    filled.start()
    assert consume(filled, topic, RECORDS) == whole()
    produce_one_more(filled, topic)


def test_a_copied_directory_is_a_whole_backup(filled, topic, make_broker):
    other = make_broker({"offsets.topic.num.partitions": "1"})
    shutil.copytree(filled.data, other.data)
    other.start()
    assert consume(other, topic, RECORDS) == whole()
