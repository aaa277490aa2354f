"""`highwater consume` ends at damage with an error instead of waiting for it to pass."""

import subprocess

import pytest

from harness.broker import find_binary

pytestmark = [pytest.mark.own_broker]


def run(broker, *arguments, records=None):
    command = [str(find_binary()), *arguments, "-b", broker.bootstrap]
    return subprocess.run(command, input=records, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)


@pytest.mark.allow_log(r"a segment is damaged; these offsets are not served")
def test_consume_ends_where_the_damage_begins(make_broker, topic):
    broker = make_broker()
    broker.start()
    assert run(broker, "topic", "create", topic, "--partitions", "1").returncode == 0
    for i in range(10):
        assert run(broker, "produce", topic, records=f"value-{i}\n").returncode == 0
    broker.stop()
    [segment] = (broker.data / f"{topic}-0").glob("*.log")
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b"value-7", b"valuE-7"))
    broker.start()
    read = run(broker, "consume", topic, "--count", "10")
    assert read.returncode == 1
    assert read.stdout.splitlines() == [f"value-{i}" for i in range(7)]
    assert f"fetch of {topic}-0 at offset 7" in read.stderr and "CORRUPT_MESSAGE" in read.stderr, read.stderr
    behind = run(broker, "consume", topic, "--from", "8", "--count", "2")
    assert behind.stdout.splitlines() == ["value-8", "value-9"]
    broker.stop()
