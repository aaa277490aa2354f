"""Fixtures of the attacks: a topic to aim at, and the proof that the broker is none the worse."""

import time

import pytest

from harness import wire
from harness.clients import driver
from harness.waiting import wait_until

FRAME_LIMIT = 100 << 20
GROWTH_LIMIT = 2 * FRAME_LIMIT
# A machine with two cores that runs other things has hiccups of its own. A p99 is looked at again
# before it counts, and the pause of a disk is no harm.
ATTEMPTS = 5
LATENCY_FLOOR_SECONDS = 0.02


@pytest.fixture
def target(broker, topic):
    """A topic with one partition."""
    client = driver("confluent-kafka")
    assert client.admin(broker.bootstrap, "create-topic", topic=topic, partitions=1) == {}
    with wire.Connection(broker.bootstrap, 30) as connection:
        # A topic without error in the metadata is its error code and its name.
        ready = wire.int16(0) + wire.string(topic)
        wait_until(lambda: ready in connection.call(wire.metadata(topic)), 30, "the topic to be known")
    return topic


def p99_seconds(bootstrap, topic, requests=200):
    """The p99 latency of a well-behaved producer that sends one record at a time, acks=all."""
    took = []
    with wire.Connection(bootstrap, 60) as connection:
        for _ in range(requests):
            began = time.perf_counter()
            error, _ = wire.produce_error(connection.call(wire.produce(topic, wire.Batch().encode())))
            took.append(time.perf_counter() - began)
            assert error == 0
    return sorted(took)[int(requests * 0.99) - 1]


@pytest.fixture
def unharmed(broker, target):
    """Checks after the attack that the broker's memory grew within bounds and that it still serves others in time.

    The test may call it itself, while the attack is still on.
    """
    has_memory = hasattr(broker, "rss_bytes")
    p99_seconds(broker.bootstrap, target, 50)
    normal = max(p99_seconds(broker.bootstrap, target) for _ in range(2))
    if has_memory:
        broker.reset_peak_rss()
        before = broker.rss_bytes()

    def check():
        allowed = max(2 * normal, LATENCY_FLOOR_SECONDS)
        seen = []
        while not seen or seen[-1] > allowed and len(seen) < ATTEMPTS:
            seen.append(p99_seconds(broker.bootstrap, target))
        assert seen[-1] <= allowed, f"p99 {[f'{s * 1e3:.1f}' for s in seen]} ms, normally {normal * 1e3:.1f} ms"
        assert broker.is_alive()
        if has_memory:
            growth = broker.rss_bytes("VmHWM") - before
            assert growth < GROWTH_LIMIT, f"memory grew by {growth >> 20} MiB"

    yield check
    check()
