"""What an operator relies on: probes, locks, signals, and a broker that runs out of something."""

import http.client
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from harness import history, wire
from harness.broker import find_binary
from harness.clients import driver
from harness.waiting import wait_until

pytestmark = pytest.mark.own_broker
PARTITIONS = 4


def get(broker, path):
    connection = http.client.HTTPConnection("127.0.0.1", broker.admin_port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def create(broker, topic):
    assert driver("confluent-kafka").admin(broker.bootstrap, "create-topic", topic=topic, partitions=PARTITIONS) == {}


def test_probes_and_metrics_answer(own_broker, topic):
    create(own_broker, topic)
    assert get(own_broker, "/health/live")[0] == 200
    assert get(own_broker, "/health/ready")[0] == 200
    status, text = get(own_broker, "/metrics")
    assert status == 200 and "# TYPE " in text
    assert get(own_broker, "/nothing-here")[0] == 404


@pytest.mark.allow_log(r"(?i)lock|in use|another")
def test_a_second_broker_on_the_same_data_is_refused(own_broker, make_broker):
    second = make_broker(data=own_broker.data)
    second.start(wait=False)
    assert second.process.wait(20) != 0
    assert str(own_broker.data) in second.log_text(), second.log_tail()
    assert own_broker.is_ready()


def test_sigterm_under_load_ends_with_0_and_loses_nothing(own_broker, topic):
    create(own_broker, topic)
    load = history.Load(own_broker.bootstrap, topic, PARTITIONS, value_bytes=200).start()
    for _ in range(3):
        load.wait_for(300)
        own_broker.stop()
        own_broker.start()
    load.stop()
    everything = history.read_everything(own_broker.bootstrap, topic, PARTITIONS)
    history.check(everything, load.snapshot())


@pytest.mark.allow_log(r"(?i)second signal")
def test_a_second_signal_ends_at_once(own_broker, topic):
    create(own_broker, topic)
    # A client that waits long gives the first signal something to wait for.
    with wire.Connection(own_broker.bootstrap) as connection:
        connection.send(wire.frame(wire.fetch(topic, wait_ms=60_000)))
        own_broker.process.send_signal(signal.SIGTERM)
        # Two signals at once are one to the kernel, so the second waits for the first to be noticed.
        wait_until(lambda: "stopping" in own_broker.log_text() or not own_broker.is_alive(), 10, "the stop to begin")
        own_broker.process.send_signal(signal.SIGTERM)
        own_broker.process.wait(5)


@pytest.mark.allow_log(r"(?i)clean|recover|paused|stall|late|lag|slow|clock")
def test_a_stopped_process_goes_on_where_it_was(own_broker, topic):
    create(own_broker, topic)
    load = history.Load(own_broker.bootstrap, topic, PARTITIONS).start()
    load.wait_for(300)
    with wire.Connection(own_broker.bootstrap, 3) as connection:
        own_broker.pause()
        with pytest.raises(TimeoutError):
            connection.call(wire.metadata(topic))
    own_broker.process.send_signal(signal.SIGCONT)
    load.wait_for(300)
    load.stop()
    history.check(history.read_everything(own_broker.bootstrap, topic, PARTITIONS), load.snapshot())


def test_systemd_hears_that_it_is_ready_that_it_lives_and_that_it_stops(make_broker, tmp_path):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address)
        supervisor.settimeout(20)
        broker = make_broker()
        broker.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "400000"}
        broker.start(wait=False)
        assert supervisor.recv(4096).split() == [b"READY=1"]
        assert broker.is_ready(), "it was not ready when it said so"
        beats = []
        while len(beats) < 4:
            assert supervisor.recv(4096).split() == [b"WATCHDOG=1"]
            beats.append(time.monotonic())
        assert beats[-1] - beats[0] < 3 * 0.4, "a beat would have come too late"
        broker.process.send_signal(signal.SIGTERM)
        said = b"WATCHDOG=1"
        while said == b"WATCHDOG=1":
            said = supervisor.recv(4096).strip()
        assert said == b"STOPPING=1"
        assert broker.process.wait(20) == 0


def test_log_lines_are_json_objects_and_one_sums_the_start_up(make_broker):
    broker = make_broker()
    broker.environment = {"HIGHWATER_LOG_FORMAT": "json"}
    broker.start()
    broker.stop()
    lines = [json.loads(line) for line in broker.log_text().splitlines()]
    assert all(line["level"] in ("INFO", "DEBUG") and line["timestamp"] and line["message"] for line in lines), lines
    summaries = [line for line in lines if line["message"] == "ready"]
    assert len(summaries) == 1
    summary = summaries[0]
    assert summary["listeners"] == f"PLAINTEXT://{broker.bootstrap}"
    assert summary["log_dirs"] == str(broker.data) and summary["durability"] == "fsync"
    assert summary["cut_bytes"] == summary["partitions_failed"] == 0


def cpu_seconds(process_id):
    values = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.allow_log(r"(?i)too many open files|descriptor|accept|os error 24|limit")
def test_a_broker_without_file_descriptors_serves_its_connections_and_does_not_spin(own_broker, topic):
    create(own_broker, topic)
    process = own_broker.process.pid
    batch = wire.Batch().encode()
    with wire.Connection(own_broker.bootstrap, 30) as good:
        assert wire.produce_error(good.call(wire.produce(topic, batch)))[0] == 0
        in_use = len(os.listdir(f"/proc/{process}/fd"))
        resource.prlimit(process, resource.RLIMIT_NOFILE, (in_use + 20, in_use + 500))
        others = [wire.Connection(own_broker.bootstrap) for _ in range(60)]
        began = cpu_seconds(process)
        for _ in range(100):
            error, offset = wire.produce_error(good.call(wire.produce(topic, batch)))
            assert error == 0
        # Nobody wants anything for a second.
        idle_since = time.monotonic()
        good.call(wire.fetch(topic, offset + 1, wait_ms=1000))
        assert time.monotonic() - idle_since > 0.9
        assert cpu_seconds(process) - began < 0.7, "it spins"
        for other in others:
            other.socket.close()

    def serves_new_ones():
        try:
            with wire.Connection(own_broker.bootstrap, 2) as connection:
                return topic.encode() in connection.call(wire.metadata(topic))
        except OSError:
            return False

    wait_until(serves_new_ones, 30, "a new connection to be served", 0.2)


def test_a_bad_setting_is_refused_and_named(tmp_path):
    binary = find_binary()
    for setting in ("num.partitons=3", "num.partitions=many"):
        done = subprocess.run(
            [binary, "broker", "--set", f"log.dirs={tmp_path}/data", "--set", setting],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
        )
        assert done.returncode != 0
        assert setting.split("=")[0] in done.stdout and "num.partitions" in done.stdout, done.stdout


def test_long_work_shows_its_progress_to_a_person_and_to_nobody_else(own_broker, topic):
    create(own_broker, topic)
    command = [find_binary(), "produce", topic, "--bootstrap-server", own_broker.bootstrap]
    screen, terminal = os.openpty()
    seen = bytearray()

    def shows_count():
        if select.select([screen], [], [], 0)[0]:
            seen.extend(os.read(screen, 4096))
        return re.search(rb"[1-9][0-9]* records, ", seen)

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=terminal) as watched:
        try:
            watched.stdin.write(b"record\n" * 100)
            watched.stdin.flush()
            wait_until(shows_count, 20, "a count of records on the terminal", 0.05)
        finally:
            watched.stdin.close()
            assert watched.wait(20) == 0
            os.close(terminal)
            os.close(screen)
    unwatched = subprocess.run(command, input=b"record\n" * 100, capture_output=True, timeout=20)
    assert (unwatched.returncode, unwatched.stderr) == (0, b"")


@pytest.mark.allow_log(r"(?i)stopping before|unclean|recover")
def test_a_signal_ends_a_start_that_hangs(own_broker, topic):
    create(own_broker, topic)
    own_broker.stop()
    # Whoever opens it for reading waits until somebody writes, as with a disk that does not answer.
    stuck = own_broker.data / f"{topic}-0" / "leader-epoch-checkpoint"
    stuck.unlink(missing_ok=True)
    os.mkfifo(stuck)
    own_broker.start(wait=False)

    def is_starting():
        try:
            return get(own_broker, "/health/live")[0] == 200 and get(own_broker, "/health/ready")[0] == 503
        except OSError:
            return False

    wait_until(is_starting, 20, "the broker to be on its way")
    own_broker.process.send_signal(signal.SIGTERM)
    assert own_broker.process.wait(10) == 0
    assert "stopping before the start is over" in own_broker.log_text()
    stuck.unlink()
    own_broker.start()


@pytest.mark.allow_log(r"(?i)every interface|network is trusted|insecure|TLS")
def test_a_broker_on_all_interfaces_gives_the_name_of_the_machine(make_broker):
    broker = make_broker({"allow.insecure.listeners": "true"})
    broker.settings["listeners"] = f"PLAINTEXT://0.0.0.0:{broker.port}"
    broker.start()
    told = f"{os.uname().nodename}:{broker.port}"
    assert told in broker.log_text()
    with wire.Connection(broker.bootstrap) as connection:
        assert os.uname().nodename.encode() in connection.call(wire.metadata("t"))


@pytest.mark.allow_log(r"has no address here|takes connections from this machine only")
def test_an_advertised_name_without_an_address_is_warned_of(make_broker):
    broker = make_broker({"advertised.listeners": "PLAINTEXT://broker.invalid:9092"})
    broker.start()
    warning = "Set advertised.listeners=PLAINTEXT://<host that clients can resolve>:9092"
    wait_until(lambda: broker.log_text().count(warning) == 1, 20, "the warning")


@pytest.mark.allow_log(r"have no effect here")
def test_a_setting_without_effect_is_named_when_it_is_set(own_broker):
    command = [find_binary(), "config", "set", "-b", own_broker.bootstrap, "broker", "1", "num.io.threads=9"]
    warning = r'WARN.* have no effect here .*broker="1" settings="num.io.threads"'
    subprocess.run([*command, "--dry-run"], check=True)
    assert not re.search(warning, own_broker.log_text())
    subprocess.run(command, check=True)
    wait_until(lambda: re.search(warning, own_broker.log_text()), 10, "the warning")
