"""Connections that cost: slow senders, idle ones, readers that never read."""

import resource
import signal
import threading

import pytest

from harness import wire
from harness.waiting import wait_until
from harness.wire import int32

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.allow_log(r"(?i)connection|slow|deadline|timed out|timeout|closing|closed|frame|request|limit"),
]


@pytest.fixture
def connections():
    """Connections that are closed after the test."""
    made = []
    yield made
    for connection in made:
        connection.socket.close()


def open_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"needs {wanted} open files, and the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@pytest.fixture
def halting(broker, unharmed):
    """Stops the broker for 60 ms again and again, once `unharmed` knows what is normal and until it looks again.

    The few milliseconds between are too short for the hundred requests of which one alone may be slow.
    """
    if not hasattr(broker, "pause"):
        pytest.skip("a broker that somebody else runs cannot be stopped")
    over = threading.Event()

    def halt():
        while not over.wait(0.005):
            broker.pause()
            over.wait(0.06)
            broker.process.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=halt)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.usefixtures("halting")
def test_control_a_broker_that_keeps_others_waiting_is_noticed(unharmed):
    with pytest.raises(AssertionError, match="p99"):
        unharmed()


def test_slow_senders_of_huge_frames_cost_no_memory(broker, target, unharmed, connections):
    for _ in range(60):
        connection = wire.Connection(broker.bootstrap)
        connection.send(int32(100 << 20) + b"\0")
        connections.append(connection)
    unharmed()


def test_slow_senders_of_small_frames_cost_little(broker, target, unharmed, connections):
    payload = wire.frame(wire.produce(target, wire.Batch().encode()))
    for _ in range(500):
        connection = wire.Connection(broker.bootstrap)
        connection.send(payload[: len(payload) // 2])
        connections.append(connection)
    unharmed()
    for connection in connections:
        connection.send(payload[len(payload) // 2:])
    for connection in connections:
        assert wire.produce_error(connection.receive())[0] == 0


def test_big_frames_sent_in_part_leave_room_for_others(broker, target, unharmed, connections):
    for _ in range(20):
        connection = wire.Connection(broker.bootstrap, 5)
        connection.socket.setblocking(False)
        try:
            connection.socket.send(int32(90 << 20) + bytes(2 << 20))
        except BlockingIOError:
            pass
        connections.append(connection)
    unharmed()


def test_ten_thousand_idle_connections(broker, target, unharmed, connections):
    open_files(11_000)
    for _ in range(10_000):
        connections.append(wire.Connection(broker.bootstrap))
    unharmed()
    for connection in connections[::100]:
        assert target.encode() in connection.call(wire.metadata(target))


def test_connections_that_come_and_go_leave_nothing_behind(broker, target, unharmed):
    before = broker.descriptors()
    for _ in range(3000):
        with wire.Connection(broker.bootstrap):
            pass
    wait_until(lambda: broker.descriptors() <= before + 20, 30, "the connections to be closed on the other side")


def fill(broker, topic, megabytes):
    with wire.Connection(broker.bootstrap, 60) as connection:
        batch = wire.Batch([wire.Record(value=b"x" * 900_000)]).encode()
        for _ in range(megabytes):
            assert wire.produce_error(connection.call(wire.produce(topic, batch, acks=1)))[0] == 0


def test_fetchers_that_never_read_cost_no_memory(broker, target, unharmed, connections):
    fill(broker, target, 60)
    for _ in range(40):
        connection = wire.Connection(broker.bootstrap)
        connection.send(wire.frame(wire.fetch(target)) * 20)
        connections.append(connection)
    unharmed()


def test_askers_that_never_read_cost_no_memory(broker, target, unharmed, connections):
    asked = wire.frame(wire.metadata(target)) * 2000
    for _ in range(20):
        connection = wire.Connection(broker.bootstrap, 5)
        connection.socket.setblocking(False)
        try:
            connection.socket.send(asked)
        except BlockingIOError:
            pass
        connections.append(connection)
    unharmed()


def test_long_polls_are_given_up_when_their_client_goes(broker, target, unharmed):
    before = broker.descriptors()
    for _ in range(300):
        with wire.Connection(broker.bootstrap) as connection:
            connection.send(wire.frame(wire.fetch(target, wait_ms=30_000)))
    wait_until(lambda: broker.descriptors() <= before + 20, 20, "the polls to be given up before their time")
