"""Fixtures of the attacks: a topic to aim at, and the proof that the broker is none the worse."""

import os
import time
from contextlib import ExitStack

import pytest

from harness import wire
from harness.broker import Broker
from harness.clients import driver
from harness.waiting import wait_until

FRAME_LIMIT = 100 << 20
GROWTH_LIMIT = 2 * FRAME_LIMIT
# A p99 is looked at again before it counts.
ATTEMPTS = 3
# What an attack may cost on top of twice the normal: a wake-up late by a slice of the scheduler. Where there
# is no control to tell the hiccups of the machine from those of the broker, they have to be forgiven.
GRACE_SECONDS = 0.004
GRACE_WITHOUT_CONTROL_SECONDS = 0.02
CONTROL_TOPIC = "control"


def make_topic(bootstrap, topic):
    """Makes a topic with one partition and waits until it can be used."""
    assert driver("confluent-kafka").admin(bootstrap, "create-topic", topic=topic, partitions=1) == {}
    with wire.Connection(bootstrap, 30) as connection:
        # A topic without error in the metadata is its error code and its name.
        ready = wire.int16(0) + wire.string(topic)
        wait_until(lambda: ready in connection.call(wire.metadata(topic)), 30, "the topic to be known")


@pytest.fixture
def target(broker, topic):
    """A topic with one partition."""
    make_topic(broker.bootstrap, topic)
    return topic


@pytest.fixture(scope="session")
def control(tmp_path_factory):
    """A broker that nobody attacks: what its clients wait for too is the machine's doing. None beside a foreign one."""
    if os.environ.get("HIGHWATER_TEST_BOOTSTRAP"):
        yield None
        return
    broker = Broker(tmp_path_factory.mktemp("control"))
    broker.start()
    make_topic(broker.bootstrap, CONTROL_TOPIC)
    yield broker
    broker.stop()


def p99s_seconds(aims, requests=200):
    """The p99 latency of a well-behaved producer for each (bootstrap, topic): one record at a time, acks=all, in turns."""
    took = [[] for _ in aims]
    with ExitStack() as stack:
        connections = [stack.enter_context(wire.Connection(bootstrap, 60)) for bootstrap, _ in aims]
        for _ in range(requests):
            for times, connection, (_, topic) in zip(took, connections, aims):
                began = time.perf_counter()
                error, _ = wire.produce_error(connection.call(wire.produce(topic, wire.Batch().encode())))
                times.append(time.perf_counter() - began)
                assert error == 0
    return [sorted(times)[int(requests * 0.99) - 1] for times in took]


@pytest.fixture
def unharmed(broker, target, control):
    """Checks after the attack that the broker's memory grew within bounds and that it still serves others in time.

    The test may call it itself, while the attack is still on.
    """
    has_memory = hasattr(broker, "rss_bytes")
    aims = [(broker.bootstrap, target)] + ([(control.bootstrap, CONTROL_TOPIC)] if control else [])
    p99s_seconds(aims, 50)
    normal = min(p99s_seconds(aims)[0] for _ in range(2))
    if has_memory:
        broker.reset_peak_rss()
        before = broker.rss_bytes()

    def is_prompt(attacked, *beside):
        grace = GRACE_SECONDS if beside else GRACE_WITHOUT_CONTROL_SECONDS
        return attacked <= 2 * max(normal, *beside) + grace

    def check():
        seen = []
        while not seen or not is_prompt(*seen[-1]) and len(seen) < ATTEMPTS:
            seen.append(p99s_seconds(aims))
        shown = [" beside ".join(f"{p99 * 1e3:.1f}" for p99 in p99s) for p99s in seen]
        assert is_prompt(*seen[-1]), f"p99 {shown} ms, normally {normal * 1e3:.1f} ms"
        assert broker.is_alive()
        if has_memory:
            growth = broker.rss_bytes("VmHWM") - before
            assert growth < GROWTH_LIMIT, f"memory grew by {growth >> 20} MiB"

    yield check
    check()
