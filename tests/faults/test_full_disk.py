"""A full disk refuses writes, serves reads, and recovers by itself when there is room again."""

import os

import confluent_kafka as ck
import pytest

from harness.clients import driver
from harness.driver import from_wire
from harness.waiting import wait_until

pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(300)]


def fill(path):
    """Takes all free space of a filesystem."""
    space = os.statvfs(path.parent)
    with open(path, "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, space.f_bavail * space.f_frsize)
        ballast.flush()
        try:
            while True:
                os.write(ballast.fileno(), bytes(4096))
                os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, 1 << 16)
        except OSError:
            os.fsync(ballast.fileno())


def try_to_produce(broker, topic, value, seconds):
    """Produces one record; returns its error, or None."""
    outcome = []
    producer = ck.Producer({
        "bootstrap.servers": broker.bootstrap, "acks": "all", "message.timeout.ms": int(seconds * 1000),
        "retries": 0, "log_level": 0, "linger.ms": 0,
    })
    producer.produce(topic, value=value, partition=0, on_delivery=lambda error, message: outcome.append((error, message.offset())))
    producer.flush(seconds + 10)
    return outcome[0]


@pytest.mark.allow_log(r"(?i)space|full|ENOSPC|offline|append|os error 28")
def test_a_full_disk_refuses_writes_serves_reads_and_recovers(make_broker, loop_disk, topic):
    disk = loop_disk(256)
    broker = make_broker({"log.segment.bytes": str(8 << 20), "offsets.topic.num.partitions": "1"}, disk.mountpoint / "data")
    broker.start()
    client = driver("confluent-kafka")
    assert client.admin(broker.bootstrap, "create-topic", topic=topic, partitions=1) == {}
    values = {}
    for i in range(20):
        error, offset = try_to_produce(broker, topic, b"before-%d" % i, 10)
        assert error is None, error
        values[offset] = b"before-%d" % i

    ballast = disk.mountpoint / "ballast"
    fill(ballast)
    refused = None
    for i in range(400):
        value = b"full-%d " % i + os.urandom(200_000)
        error, offset = try_to_produce(broker, topic, value, 5)
        if error is not None:
            refused = error
            break
        values[offset] = value
    assert refused is not None, "a full disk took 80 MB"
    assert broker.is_alive(), broker.log_tail()

    def consume(count):
        options = {"bootstrap": broker.bootstrap, "topic": topic, "from": "beginning", "count": count}
        return [e for e in client.run("consume", options) if e["event"] == "record"]

    assert [from_wire(r["value"]) for r in consume(20)] == [b"before-%d" % i for i in range(20)]

    ballast.unlink()

    def takes_a_record():
        error, offset = try_to_produce(broker, topic, b"after", 5)
        if error is None:
            values[offset] = b"after"
        return error is None

    wait_until(takes_a_record, 60, "writes to succeed again, now that there is room", 0.5)
    seen = {r["offset"]: from_wire(r["value"]) for r in consume(max(values) + 1)}
    wrong = [offset for offset, value in values.items() if seen.get(offset) != value]
    assert wrong == [], f"acknowledged offsets that hold something else: {wrong}"

    broker.kill()
    broker.start()
    seen = {r["offset"]: from_wire(r["value"]) for r in consume(max(values) + 1)}
    assert [offset for offset, value in values.items() if seen.get(offset) != value] == []
    broker.kill()
