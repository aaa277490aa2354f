"""kill -9 and power loss under load: nothing acknowledged is lost, offsets and order never change."""

import os
import re
import subprocess
import time

import pytest

from harness import history
from harness.broker import find_binary
from harness.clients import driver
from harness.disks import cut
from harness.waiting import wait_until

PARTITIONS = 4
KILLS = int(os.environ.get("HIGHWATER_TEST_KILLS", "20"))
CUTS = int(os.environ.get("HIGHWATER_TEST_POWER_CUTS", "10"))
pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(1200)]

# A crash leaves a tail that recovery may have to cut, and says so.
TORN_TAIL = pytest.mark.allow_log(r"(?i)torn|truncat|cut|recover|unclean|rebuil|crash")
# A flush that is under way when the disk goes may fail before the process is gone.
DISK_GONE = pytest.mark.allow_log(r"(?i)offline|flush|os error 5")


def create(broker, topic, **configs):
    options = {"topic": topic, "partitions": PARTITIONS, "configs": configs}
    answer = driver("confluent-kafka").admin(broker.bootstrap, "create-topic", **options)
    assert answer == {}, answer


def segments(broker, topic):
    """How many segments the topic has on disk."""
    return len(list(broker.data.glob(f"{topic}-*/*.log")))


def settle(load, reader, broker, topic, *seen_before):
    """Ends the load and checks everything once more."""
    load.stop()
    everything = history.read_everything(broker.bootstrap, topic, PARTITIONS)
    reader.stop()
    assert reader.violations == []
    history.check(everything, load.snapshot(), reader.seen, *seen_before)


@TORN_TAIL
@pytest.mark.parametrize("compression,value_bytes", [("none", 2000), ("lz4", 200)])
def test_kill_9_under_load(make_broker, topic, chance, compression, value_bytes):
    broker = make_broker()
    broker.start()
    # Segments so small that some are closed under the load.
    create(broker, topic, **{"segment.bytes": str(1 << 20)})
    load = history.Load(broker.bootstrap, topic, PARTITIONS, compression=compression, value_bytes=value_bytes).start()
    reader = history.Reader(broker.bootstrap, topic, PARTITIONS).start()
    before, restarts = {}, []
    for _ in range(KILLS // 2):
        load.wait_for(300)
        time.sleep(chance.random() * 0.3)
        broker.kill()
        acknowledged = load.snapshot()
        restarts.append(broker.start())
        everything = history.read_everything(broker.bootstrap, topic, PARTITIONS)
        history.check(everything, acknowledged, before)
        before = everything
    settle(load, reader, broker, topic, before)
    if compression == "none":
        assert segments(broker, topic) > PARTITIONS
    # Ten times what it takes on a calm machine.
    assert max(restarts) < 5, restarts
    print(f"{len(restarts)} kills, {load.count()} records, slowest restart {max(restarts):.2f} s")


@TORN_TAIL
def test_kill_9_during_recovery(make_broker, topic, chance):
    broker = make_broker()
    broker.start()
    create(broker, topic)
    load = history.Load(broker.bootstrap, topic, PARTITIONS, value_bytes=1000).start()
    reader = history.Reader(broker.bootstrap, topic, PARTITIONS).start()
    load.wait_for(2000)
    for _ in range(8):
        broker.kill()
        broker.start(wait=False)
        time.sleep(chance.random() * 0.1)
    broker.kill()
    everything = history.recover(broker, load, topic, PARTITIONS)
    settle(load, reader, broker, topic, everything)


@TORN_TAIL
@DISK_GONE
def test_power_loss_under_load(make_broker, loop_disk, topic, chance):
    disk = loop_disk(1024)
    broker = make_broker(data=disk.mountpoint / "data")
    broker.start()
    create(broker, topic, **{"segment.bytes": str(1 << 20)})
    load = history.Load(broker.bootstrap, topic, PARTITIONS, value_bytes=2000).start()
    reader = history.Reader(broker.bootstrap, topic, PARTITIONS).start()
    before = {}
    for number in range(CUTS):
        load.wait_for(300)
        time.sleep(chance.random() * 0.3)
        cut(broker, disk)
        acknowledged = load.snapshot()
        if number % 3 == 2:
            # The power goes again while the broker recovers.
            broker.start(wait=False)
            time.sleep(chance.random() * 0.2)
            cut(broker, disk)
        broker.start()
        everything = history.read_everything(broker.bootstrap, topic, PARTITIONS)
        history.check(everything, acknowledged, before)
        before = everything
    settle(load, reader, broker, topic, before)
    assert segments(broker, topic) > PARTITIONS
    broker.kill()


@TORN_TAIL
@DISK_GONE
def test_control_a_power_loss_without_flushes_is_noticed(make_broker, loop_disk, topic):
    disk = loop_disk(512)
    broker = make_broker({"log.durability": "replicated"}, data=disk.mountpoint / "data")
    broker.start()
    create(broker, topic)
    load = history.Load(broker.bootstrap, topic, PARTITIONS, value_bytes=200).start()
    load.wait_for(300)
    cut(broker, disk)
    with pytest.raises(AssertionError, match="acknowledged records are lost"):
        history.recover(broker, load, topic, PARTITIONS)
    broker.kill()


def in_wal(broker, what="entries"):
    """Flushes of partitions that the write-ahead log has spared since the start, or its own flushes."""
    name = f"highwater_wal_{what}_total{{"
    return sum(float(line.split()[-1]) for line in broker.metrics().splitlines() if line.startswith(name))


def dump_of_wal(data):
    """What `highwater log dump` shows of the write-ahead log."""
    command = [find_binary(), "log", "dump", *sorted(data.glob("highwater-wal-*"))]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@TORN_TAIL
@DISK_GONE
@pytest.mark.parametrize("megabytes,commits", [(1024, 50), (64, 800)], ids=["first file", "files used again"])
def test_power_loss_while_only_the_write_ahead_log_is_flushed(make_broker, loop_disk, topic, chance, megabytes, commits):
    # A file takes a 64th of a small disk: some 230 commits.
    disk = loop_disk(megabytes)
    broker = make_broker(data=disk.mountpoint / "data")
    broker.start()
    create(broker, topic)
    # Many producers and small batches, so that partitions are hardly ever flushed by themselves.
    load = history.Load(broker.bootstrap, topic, PARTITIONS, producers=8).start()
    before, put_back = {}, 0
    for _ in range(max(1, CUTS // 2)):
        wait_until(lambda: in_wal(broker, "commits") > commits and in_wal(broker) > 200, 60, "the write-ahead log in use")
        time.sleep(chance.random() * 0.3)
        cut(broker, disk)
        assert "endOffset: " in dump_of_wal(disk.mountpoint / "data")
        since = broker.log_size()
        before = history.recover(broker, load, topic, PARTITIONS, before)
        found = re.search(r"the write-ahead log has been carried out.* bytes=(\d+)", broker.log_text(since))
        assert found, broker.log_tail()
        put_back += int(found[1])
    load.stop()
    history.check(history.read_everything(broker.bootstrap, topic, PARTITIONS), load.snapshot(), before)
    assert put_back > 0, "no power cut has taken anything from a segment file"
    broker.stop()
    assert not list((disk.mountpoint / "data").glob("highwater-wal-*")), "a clean stop leaves Kafka's files"


@TORN_TAIL
@DISK_GONE
def test_power_loss_keeps_topics_groups_and_configs(make_broker, loop_disk, topic):
    from harness.driver import from_wire, to_wire
    disk = loop_disk(512)
    broker = make_broker(data=disk.mountpoint / "data")
    broker.start()
    client = driver("confluent-kafka")
    configs = {"retention.ms": "123456789"}
    assert client.admin(broker.bootstrap, "create-topic", topic=topic, partitions=1, configs=configs) == {}
    options = {"bootstrap": broker.bootstrap, "topic": topic}
    client.run("produce", options, [{"value": to_wire(b"%d" % i)} for i in range(20)])
    in_group = {"bootstrap": broker.bootstrap, "topics": [topic], "group": "g", "max": 12}
    client.start("group", in_group).wait_for(lambda events: any(e["event"] == "left" for e in events), 60, "twelve")
    cut(broker, disk)
    broker.start()
    described = client.admin(broker.bootstrap, "describe-config", topic=topic)
    assert described["configs"]["retention.ms"] == "123456789"
    second = client.start("group", {**in_group, "max": 8})
    second.wait_for(lambda events: any(e["event"] == "left" for e in events), 60, "the other eight")
    values = [int(from_wire(e["value"])) for e in second.events if e["event"] == "record"]
    assert values == list(range(12, 20))
    broker.kill()


# The disk answers every read and write with an error for a while before the process is killed.
@pytest.mark.allow_log(r".")
def test_power_loss_with_torn_sectors_and_io_errors(make_broker, tearing_disk, topic, chance):
    disk = tearing_disk(512)
    broker = make_broker(data=disk.mountpoint / "data")
    broker.start()
    create(broker, topic)
    before = {}
    load = history.Load(broker.bootstrap, topic, PARTITIONS, value_bytes=200).start()
    for _ in range(max(1, CUTS // 2)):
        load.wait_for(300)
        time.sleep(chance.random() * 0.3)
        before_the_cut = broker.log_size()
        disk.cut_power()
        wait_until(lambda: "ERROR" in broker.log_text(before_the_cut), 30, "the broker to notice that its disk fails")
        broker.kill()
        disk.unmount()
        disk.mount()
        before = history.recover(broker, load, topic, PARTITIONS, before)
    load.stop()
    history.check(history.read_everything(broker.bootstrap, topic, PARTITIONS), load.snapshot(), before)
    broker.kill()
