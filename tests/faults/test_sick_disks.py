"""Disks that take long to flush, or fail to: what is promised stays true, and what need not wait does not."""

import time

import pytest

from harness import history, wire
from harness.clients import driver
from harness.waiting import wait_until

PARTITIONS = 4
pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(600)]


def create(broker, topic):
    answer = driver("confluent-kafka").admin(broker.bootstrap, "create-topic", topic=topic, partitions=PARTITIONS)
    assert answer == {}, answer


def slowest(seconds, call):
    """Calls again and again for so long; returns the longest that one call took."""
    until, longest = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        started = time.monotonic()
        call()
        longest = max(longest, time.monotonic() - started)
    return longest


@pytest.mark.allow_log(r"(?i)torn|truncat|cut|recover|unclean|rebuil|crash|slow|took")
def test_a_slow_disk_delays_acknowledgements_and_nothing_else(make_broker, sick_disk, topic):
    disk = sick_disk(512)
    broker = make_broker(data=disk.mountpoint / "data")
    broker.start()
    probed = f"{topic}-probed"
    create(broker, topic)
    create(broker, probed)
    load = history.Load(broker.bootstrap, topic, PARTITIONS, value_bytes=200).start()
    load.wait_for(300)
    flush_seconds = 1.0
    disk.slow_flushes(flush_seconds)
    batch = wire.Batch([wire.Record(value=b"slow")]).encode()
    with wire.Connection(broker.bootstrap, 60) as producer, wire.Connection(broker.bootstrap, 60) as other:
        started = time.monotonic()
        # One request that waits for the disk, while other connections are asked for what need not.
        producer.send(wire.frame(wire.produce(probed, batch, acks=-1)))
        longest = slowest(0.8 * flush_seconds, lambda: other.call(wire.metadata(probed)))
        assert longest < 0.5 * flush_seconds, f"an answer without a disk took {longest:.2f} s"
        assert wire.produce_error(producer.receive())[0] == 0
        waited = time.monotonic() - started
        assert waited > 0.5 * flush_seconds, f"acknowledged after {waited:.2f} s, before the disk had it"
    load.wait_for(100)
    disk.heal()
    load.wait_for(300)
    broker.kill()
    everything = history.recover(broker, load, topic, PARTITIONS)
    load.stop()
    history.check(history.read_everything(broker.bootstrap, topic, PARTITIONS), load.snapshot(), everything)
    broker.stop()


@pytest.mark.allow_log(r".")
def test_a_flush_that_fails_acknowledges_nothing_and_loses_nothing(make_broker, sick_disk, topic):
    disk = sick_disk(512)
    broker = make_broker(data=disk.mountpoint / "data")
    broker.start()
    create(broker, topic)
    before = {}
    load = history.Load(broker.bootstrap, topic, PARTITIONS, producers=6).start()
    for _ in range(2):
        load.wait_for(1000)
        disk.failing_flushes()
        wait_until(lambda: "goes offline" in broker.log_text(), 60, "the directory to go offline")
        batch = wire.Batch([wire.Record(value=b"refused")]).encode()
        with wire.Connection(broker.bootstrap, 60) as connection:
            answer = wire.produce_error(connection.call(wire.produce(topic, batch, acks=-1)))[0]
            assert answer == 56, f"KAFKA_STORAGE_ERROR is expected, {answer} came"
        broker.kill()
        disk.unmount()
        disk.heal()
        disk.mount()
        broker.log_path.write_text("")
        before = history.recover(broker, load, topic, PARTITIONS, before)
    load.stop()
    history.check(history.read_everything(broker.bootstrap, topic, PARTITIONS), load.snapshot(), before)
    broker.kill()


def put(broker, topic, partition, value):
    """Produces one record with acks=all; returns the error code."""
    batch = wire.Batch([wire.Record(value=value)]).encode()
    with wire.Connection(broker.bootstrap, 60) as connection:
        return wire.produce_error(connection.call(wire.produce(topic, batch, acks=-1, partition=partition)))[0]


@pytest.mark.allow_log(r"(?i)offline|flush|unclean|recover|os error 5|lead")
def test_a_directory_that_fails_takes_no_other_with_it(make_broker, sick_disk, tmp_path, topic):
    disk = sick_disk(256)
    broker = make_broker({"log.dirs": f"{tmp_path}/well,{disk.mountpoint}/sick"})
    broker.start()
    partitions = range(12)
    options = {"topic": topic, "partitions": len(partitions)}
    assert driver("confluent-kafka").admin(broker.bootstrap, "create-topic", **options) == {}
    assert [put(broker, topic, partition, b"1") for partition in partitions] == [0] * 12
    disk.failing_flushes()
    answers = {partition: put(broker, topic, partition, b"2") for partition in partitions}
    well = {partition for partition, error in answers.items() if error == 0}
    on_well = {int(path.name.rsplit("-", 1)[1]) for path in tmp_path.glob(f"well/{topic}-*")}
    assert set(answers.values()) == {0, 56} and well == on_well, answers
    assert "kafka_log_logmanager_offlinelogdirectorycount 1" in broker.metrics()
    # The others go on, for producers and consumers.
    assert [put(broker, topic, partition, b"3") for partition in well] == [0] * len(well)
    found = history.read_everything(broker.bootstrap, topic, sorted(well))
    assert found == {(partition, offset): offset + 1 for partition in well for offset in range(3)}
    broker.kill()
