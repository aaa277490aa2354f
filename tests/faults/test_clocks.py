"""The wall clock jumps by hours while the broker runs: nothing is deleted early, and no session ends."""

import glob
import time
import uuid

import confluent_kafka as ck
import pytest

from harness import history, wire
from harness.clients import driver
from harness.driver import from_wire, to_wire
from harness.waiting import wait_until

pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(300)]
CLIENT = driver("confluent-kafka")
HOUR = 3600
PARTITIONS = 2
KEEP_MS = 30 * 60 * 1000


class WallClock:
    """The wall clock of a process whose monotonic clock stays true, moved through a file."""

    LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"

    def __init__(self, path):
        found = glob.glob(self.LIBRARIES)
        if not found:
            pytest.skip("faketime is not installed")
        self.path = path
        self.environment = {
            "LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(path), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.set(0)

    def set(self, hours):
        """Moves the clock to so many hours beside the true time."""
        moved = self.path.with_suffix(".new")
        moved.write_text(f"{hours:+d}h")
        moved.rename(self.path)


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path / "clock")


def create(broker, topic, partitions=1, **configs):
    configs = {"segment.bytes": str(1 << 20), "message.timestamp.after.max.ms": str(24 * HOUR * 1000), **configs}
    answer = CLIENT.admin(broker.bootstrap, "create-topic", topic=topic, partitions=partitions, configs=configs)
    assert answer == {}, answer


def fill(broker, topic, megabytes=3):
    """Enough for closed segments, which retention may delete."""
    records = [{"value": to_wire(b"%06d" % i + bytes(10_000))} for i in range(100 * megabytes)]
    events = CLIENT.run("produce", {"bootstrap": broker.bootstrap, "topic": topic}, records)
    assert [e for e in events if "error" in e] == []
    return len(records)


def ends(broker, topic):
    consumer = ck.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "unused", "log_level": 0})
    try:
        return consumer.get_watermark_offsets(ck.TopicPartition(topic, 0), timeout=10)
    finally:
        consumer.close()


def broker_time(broker, topic):
    """What the broker's wall clock shows: the stamp of a record that it stamps itself."""
    CLIENT.run("produce", {"bootstrap": broker.bootstrap, "topic": topic}, [{"value": to_wire(b"now")}])
    offset = ends(broker, topic)[1] - 1
    options = {"bootstrap": broker.bootstrap, "topic": topic, "from": {"offset": offset}, "count": 1}
    return [e for e in CLIENT.run("consume", options) if e["event"] == "record"][0]["timestamp"] / 1000


def committed(broker, group, topic):
    consumer = ck.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "log_level": 0})
    try:
        return consumer.committed([ck.TopicPartition(topic, 0)], timeout=10)[0].offset
    finally:
        consumer.close()


def commit_for_a_while(broker, group, topic, offset, keep_ms):
    """OffsetCommit 2, by which a client says for how long its offset is to be kept."""
    body = wire.string(group) + wire.int32(-1) + wire.string("") + wire.int64(keep_ms)
    body += wire.array(wire.string(topic) + wire.array(wire.int32(0) + wire.int64(offset) + wire.string("")))
    with wire.Connection(broker.bootstrap) as connection:
        response = connection.call(wire.request(wire.OFFSET_COMMIT, 2, body))
    assert response[-2:] == b"\0\0", response


def wait_for_retention(broker):
    """Waits until retention has looked at every log: it has, once it has emptied one by its size."""
    emptied = f"t-{uuid.uuid4().hex[:12]}"
    create(broker, emptied, **{"retention.bytes": "1"})
    fill(broker, emptied)
    wait_until(lambda: ends(broker, emptied)[0] > 0, 60, "retention to look at the logs", 0.2)
    # Once more, as the first look may have begun before the other logs were as they are.
    before = ends(broker, emptied)[0]
    fill(broker, emptied)
    wait_until(lambda: ends(broker, emptied)[0] > before, 60, "retention to look again", 0.2)


@pytest.mark.parametrize("hours", [5, -5])
def test_a_jump_of_the_wall_clock_deletes_nothing_and_ends_no_session(make_broker, clock, topic, hours):
    broker = make_broker({
        "log.retention.check.interval.ms": "500", "log.initial.task.delay.ms": "0", "offsets.topic.num.partitions": "1",
        "offsets.retention.minutes": str(KEEP_MS // 60_000), "offsets.retention.check.interval.ms": "300",
    })
    broker.environment = clock.environment
    broker.start()
    stamped, loaded = f"{topic}-stamped", f"{topic}-loaded"
    create(broker, topic, **{"retention.ms": str(KEEP_MS)})
    create(broker, stamped, **{"message.timestamp.type": "LogAppendTime"})
    create(broker, loaded, PARTITIONS, **{"retention.ms": str(KEEP_MS)})
    count = fill(broker, topic)
    left = {"bootstrap": broker.bootstrap, "topics": [topic], "group": "left", "max": 12}
    CLIENT.start("group", left).wait_for(lambda events: any(e["event"] == "left" for e in events), 60, "twelve records")
    commit_for_a_while(broker, "short", topic, 7, 1500)
    assert committed(broker, "left", topic) == 12 and committed(broker, "short", topic) == 7

    load = history.Load(broker.bootstrap, loaded, PARTITIONS, value_bytes=200).start()
    member = CLIENT.start("group", {
        "bootstrap": broker.bootstrap, "topics": [loaded], "group": "stays", "session_ms": 6000,
    })
    try:
        def consumed():
            member.poll()
            return sum(e["event"] == "record" for e in member.events)

        wait_until(lambda: consumed() > 100, 60, "the member to read")
        for beside in (hours, 0):
            clock.set(beside)
            seconds_off = broker_time(broker, stamped) - time.time() - beside * HOUR
            assert abs(seconds_off) < 60, f"the clock did not jump: {seconds_off} s off"
            wait_for_retention(broker)
            if hours > 0:
                wait_until(lambda: committed(broker, "short", topic) < 0, 60, "the search for expired offsets", 0.2)
            assert ends(broker, topic) == (0, count), "retention deleted records early"
            assert committed(broker, "left", topic) == 12, "offsets expired early"
            before = consumed()
            load.wait_for(300)
            wait_until(lambda: consumed() > before + 100, 60, "the member to read on")
        load.stop()
        changes = [e["event"] for e in member.events if e["event"] in ("assigned", "revoked", "commit-failed")]
        assert changes == ["assigned"], "the member was rebalanced"
        member.finish()
    finally:
        member.kill()
    seen = {(e["partition"], e["offset"]): int(from_wire(e["value"])) for e in member.events if e["event"] == "record"}
    history.check(history.read_everything(broker.bootstrap, loaded, PARTITIONS), load.snapshot(), seen)
    broker.stop()
