"""Kafka's own command-line tools: against the running broker, and on the files it wrote."""

import json
import os
import re
import subprocess
import uuid

import pytest

from harness import build
from harness.clients import driver
from harness.driver import to_wire

TOOLS = "org.apache.kafka.tools"


def run_tool(name, *arguments, input_text=None, seconds=90):
    """Runs one tool and returns its exit code and output."""
    done = subprocess.run(
        ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
         "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", build.java_class_path(), name, *map(str, arguments)],
        input=input_text or "", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds,
    )
    return done.returncode, done.stdout


def tool(name, *arguments, **options):
    """Runs one tool that must end well, and returns its output."""
    code, output = run_tool(name, *arguments, **options)
    assert code == 0, output
    return output


def test_topics_are_made_and_described(broker, topic):
    server = ["--bootstrap-server", broker.bootstrap]
    topics = f"{TOOLS}.TopicCommand"
    assert f"Created topic {topic}" in tool(
        topics, *server, "--create", "--topic", topic, "--partitions", 3, "--config", "retention.ms=100000")
    described = tool(topics, *server, "--describe", "--topic", topic)
    assert re.search(r"PartitionCount: 3\s+ReplicationFactor: 1", described) and "retention.ms=100000" in described
    assert topic in tool(topics, *server, "--list").split()
    tool(topics, *server, "--delete", "--topic", topic)


def test_the_console_producer_and_consumer_talk_to_each_other(broker, topic):
    server = ["--bootstrap-server", broker.bootstrap]
    tool(f"{TOOLS}.TopicCommand", *server, "--create", "--topic", topic, "--partitions", 1)
    lines = "".join(f"k{i}:v{i}\n" for i in range(20))
    tool(f"{TOOLS}.ConsoleProducer", *server, "--topic", topic, "--reader-property", "parse.key=true",
         "--reader-property", "key.separator=:", "--compression-codec", "zstd", input_text=lines)
    group = f"g-{uuid.uuid4().hex[:8]}"
    read = tool(
        f"{TOOLS}.consumer.ConsoleConsumer", *server, "--topic", topic, "--from-beginning", "--max-messages", 20,
        "--timeout-ms", 40_000, "--group", group, "--formatter-property", "print.key=true",
        "--formatter-property", "print.offset=true")
    assert [line for line in read.splitlines() if line.startswith("Offset:")] == [f"Offset:{i}\tk{i}\tv{i}" for i in range(20)]
    groups = tool(f"{TOOLS}.consumer.group.ConsumerGroupCommand", *server, "--describe", "--group", group)
    assert re.search(rf"{group}\s+{topic}\s+0\s+20\s+20\s+0", groups), groups


def test_a_broker_config_is_set_and_described_without_a_restart(broker):
    server = ["--bootstrap-server", broker.bootstrap]
    configs = "kafka.admin.ConfigCommand"
    versions = tool(f"{TOOLS}.BrokerApiVersionsCommand", *server)
    node = re.search(r"id: (\d+)", versions).group(1)
    entity = ["--entity-type", "brokers", "--entity-name", node]
    tool(configs, *server, "--alter", *entity, "--add-config", "message.max.bytes=2000000")
    assert "message.max.bytes=2000000" in tool(configs, *server, "--describe", *entity)
    tool(configs, *server, "--alter", *entity, "--delete-config", "message.max.bytes")


def test_log_directories_are_described(broker, topic):
    server = ["--bootstrap-server", broker.bootstrap]
    tool(f"{TOOLS}.TopicCommand", *server, "--create", "--topic", topic, "--partitions", 2)
    described = tool(f"{TOOLS}.LogDirsCommand", *server, "--describe", "--topic-list", topic)
    [found] = [json.loads(line) for line in described.splitlines() if line.startswith("{")]
    [log_dir] = found["brokers"][0]["logDirs"]
    assert log_dir["error"] is None
    assert sorted(one["partition"] for one in log_dir["partitions"]) == [f"{topic}-0", f"{topic}-1"]


def dump(*files, options=()):
    return tool(f"{TOOLS}.DumpLogSegments", "--files", ",".join(map(str, files)), *options)


@pytest.mark.own_broker
@pytest.mark.parametrize("end", ["running", "stop", "kill"])
def test_dump_log_segments_reads_segments_indexes_and_snapshots(own_broker, topic, end):
    client = driver("java")
    configs = {"segment.bytes": str(1 << 20), "index.interval.bytes": "4096"}
    assert client.admin(own_broker.bootstrap, "create-topic", topic=topic, partitions=1, configs=configs) == {}
    options = {"bootstrap": own_broker.bootstrap, "topic": topic, "idempotent": True, "compression": "lz4"}
    records = [{"key": to_wire(b"%d" % i), "value": to_wire(os.urandom(1000))} for i in range(2500)]
    client.run("produce", options, records)
    if end != "running":
        getattr(own_broker, end)()
    folder = own_broker.data / f"{topic}-0"
    segments = sorted(folder.glob("*.log"))
    assert len(segments) >= 2, "the topic did not roll"
    if end != "stop":
        # The indexes of the active segment are sized ahead, and cut to their length only at a clean stop.
        segments.pop()

    offsets = []
    for segment in segments:
        printed = dump(segment, options=["--print-data-log", "--deep-iteration"])
        assert "isvalid: false" not in printed
        offsets += [int(n) for n in re.findall(r"^\| offset: (\d+)", printed, re.M)]
    assert offsets == list(range(2500 if end == "stop" else len(offsets))) and len(offsets) > 500

    indexes = [path for s in segments for path in (s.with_suffix(".index"), s.with_suffix(".timeindex"))]
    printed = dump(*indexes, options=["--index-sanity-check"])
    assert "mismatch" not in printed.lower() and "corrupt" not in printed.lower(), printed
    snapshots = sorted(folder.glob("*.snapshot"))
    if snapshots:
        assert "producerId" in dump(*snapshots)


@pytest.mark.own_broker
def test_dump_log_segments_decodes_committed_offsets(own_broker, topic):
    client = driver("confluent-kafka")
    assert client.admin(own_broker.bootstrap, "create-topic", topic=topic, partitions=1) == {}
    client.run("produce", {"bootstrap": own_broker.bootstrap, "topic": topic}, [{"value": to_wire(b"x")}] * 5)
    member = client.start("group", {"bootstrap": own_broker.bootstrap, "topics": [topic], "group": "decoded", "max": 5})
    try:
        member.wait_for(lambda events: any(e["event"] == "left" for e in events), 60, "five records")
    finally:
        member.kill()
    own_broker.stop()
    written = [path for path in own_broker.data.glob("__consumer_offsets-*/*.log") if path.stat().st_size]
    printed = dump(*written, options=["--offsets-decoder"])
    assert re.search(rf'"group":"decoded".*"topic":"{topic}".*"offset":5', printed.replace(" ", "")), printed[-2000:]
