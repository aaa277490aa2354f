"""`highwater log import`: what Apache Kafka wrote is read from Highwater as it was."""

import fcntl
import json
import random
import shutil
import subprocess
import uuid

import confluent_kafka as ck
import pytest
from confluent_kafka import admin as ck_admin

from harness.broker import find_binary
from harness.kafka import Kafka, missing
from harness.waiting import wait_until

NODE = 7
# Topic, partitions, configuration.
TOPICS = [
    ("plain", 3, {"segment.bytes": "1048576"}),
    ("compacted", 2, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}),
    ("configured", 1, {"retention.ms": "86400000", "max.message.bytes": "200000", "compression.type": "zstd"}),
    ("trimmed", 1, {}),
    ("transacted", 1, {}),
    ("empty", 4, {}),
    ("deleted", 1, {}),
]
GROUPS = [("classic-readers", "classic"), ("new-readers", "consumer")]


def admin(bootstrap):
    return ck_admin.AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def only(futures):
    return next(iter(futures.values())).result(30)


def produce(bootstrap, topic, partitions, count, seed, **settings):
    chance = random.Random(seed)
    producer = ck.Producer({"bootstrap.servers": bootstrap, "linger.ms": 2, "batch.size": 20_000, "log_level": 0, **settings})
    failures = []
    for i in range(count):
        value = chance.randbytes(chance.randrange(0, 3000)) if i % 50 else None
        producer.produce(
            topic, key=f"k{i % 37}".encode(), value=value, partition=i % partitions,
            timestamp=1_700_000_000_000 + i * 1000 + seed, headers=[("n", str(i).encode()), ("null", None), ("n", b"")],
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
        producer.poll(0)
    producer.flush(60)
    assert not failures, failures[:3]


def read_all(bootstrap, topic, isolation="read_uncommitted"):
    """Every record of a topic with everything that a client is told of it, and the ends of its logs."""
    consumer = ck.Consumer({
        "bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "enable.auto.commit": False,
        "enable.partition.eof": True, "isolation.level": isolation, "log_level": 0,
    })
    partitions = sorted(consumer.list_topics(topic, 30).topics[topic].partitions)
    ends = [consumer.get_watermark_offsets(ck.TopicPartition(topic, p), timeout=30) for p in partitions]
    consumer.assign([ck.TopicPartition(topic, p, ck.OFFSET_BEGINNING) for p in partitions])
    records, at_end = [], set()
    while len(at_end) < len(partitions):
        message = consumer.poll(30)
        assert message is not None, f"nothing more of {topic}"
        if message.error() is not None:
            assert message.error().code() == ck.KafkaError._PARTITION_EOF, message.error()
            at_end.add(message.partition())
            continue
        records.append((
            message.partition(), message.offset(), message.timestamp(), message.key(), message.value(),
            message.headers(), message.leader_epoch() is not None,
        ))
    consumer.close()
    return sorted(records, key=lambda record: record[:2]), ends


def positions(bootstrap, group):
    consumer = ck.Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    committed = consumer.committed([ck.TopicPartition("plain", p) for p in range(3)], timeout=30)
    consumer.close()
    return [(found.partition, found.offset, found.metadata) for found in committed]


def commit(bootstrap, group, protocol):
    consumer = ck.Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol, "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "log_level": 0,
    })
    consumer.subscribe(["plain"])
    wait_until(lambda: consumer.poll(1), 60, "a record")
    offsets = [ck.TopicPartition("plain", p, 11 * (p + 1), metadata=f"of {group}") for p in range(3)]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def transact(bootstrap):
    producer = ck.Producer({"bootstrap.servers": bootstrap, "transactional.id": "t", "log_level": 0})
    producer.init_transactions(30)
    for outcome in (producer.commit_transaction, producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for i in range(5):
            producer.produce("transacted", value=str(i).encode())
        producer.flush(30)
        outcome(30)


def describe(bootstrap):
    """Topic ids, and what is configured on each topic."""
    client = admin(bootstrap)
    names = [name for name, *_ in TOPICS if name != "deleted"]
    described = client.describe_topics(ck.TopicCollection(names))
    ids = {name: str(found.result(30).topic_id) for name, found in described.items()}
    resources = [ck_admin.ConfigResource(ck_admin.ResourceType.TOPIC, name) for name in names]
    configs = {}
    for resource, found in client.describe_configs(resources).items():
        is_set = ck_admin.ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        entries = found.result(30).items()
        configs[resource.name] = {key: entry.value for key, entry in entries if entry.source == is_set}
    return ids, configs


def fill(bootstrap):
    client = admin(bootstrap)
    for name, partitions, configs in TOPICS:
        only(client.create_topics([ck_admin.NewTopic(name, partitions, 1, config=configs)]))
    for seed, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        produce(bootstrap, "plain", 3, 600, seed, **{"compression.type": codec, "enable.idempotence": seed % 2 == 0})
    produce(bootstrap, "compacted", 2, 400, 10)
    produce(bootstrap, "configured", 1, 50, 11)
    produce(bootstrap, "deleted", 1, 10, 12)
    produce(bootstrap, "trimmed", 1, 100, 13)
    only(client.delete_records([ck.TopicPartition("trimmed", 0, 42)]))
    only(client.delete_topics(["deleted"]))
    transact(bootstrap)
    for group, protocol in GROUPS:
        commit(bootstrap, group, protocol)
    node = ck_admin.ConfigResource(ck_admin.ResourceType.BROKER, str(NODE))
    node.add_incremental_config(
        ck_admin.ConfigEntry("log.cleaner.backoff.ms", "1234", incremental_operation=ck_admin.AlterConfigOpType.SET))
    only(client.incremental_alter_configs([node]))


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What Kafka left after a clean stop, and what its clients saw before."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    # Small, so that there are snapshots of the metadata and records behind them.
    kafka = Kafka(tmp_path_factory.mktemp("kafka"), NODE, {"metadata.log.max.record.bytes.between.snapshots": 3000})
    kafka.format()
    kafka.start()
    try:
        fill(kafka.bootstrap)
        names = [name for name, *_ in TOPICS if name != "deleted"]
        seen = {
            "records": {name: read_all(kafka.bootstrap, name) for name in names},
            "committed": read_all(kafka.bootstrap, "transacted", "read_committed"),
            "described": describe(kafka.bootstrap),
            "positions": {group: positions(kafka.bootstrap, group) for group, _ in GROUPS},
        }
        refused = run_import(kafka.data, kafka.directory / "never", "--dry-run")
        assert refused.returncode == 1 and "is in use: a broker holds its .lock file" in refused.stderr
        kafka.stop()
    finally:
        kafka.kill()
    return kafka.data, seen


def run_import(source, target, *flags):
    command = [find_binary(), "log", "import", "--from", source, "--to", target, "--format", "json", *flags]
    return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)


def imported(source, target, *flags):
    done = run_import(source, target, "--yes", *flags)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def snapshot_of(directory):
    """Every file with its content and time."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_everything_that_clients_saw_of_kafka_they_see_of_highwater(left, make_broker, tmp_path):
    source, seen = left
    before = snapshot_of(source)
    report = imported(source, tmp_path / "data")
    assert snapshot_of(source) == before, "the source was changed"
    assert report["imported"] and report["target"]["node_id"] == NODE
    names = {topic["name"] for topic in report["topics"]}
    assert names == {name for name, *_ in TOPICS} - {"deleted"} | {"__consumer_offsets"}
    assert any("__transaction_state" in row["what"] for row in report["left_out"]), report["left_out"]
    assert report["warnings"] == []
    broker = make_broker({"node.id": str(NODE)}, tmp_path / "data")
    broker.start()
    assert "clean_start=true" in broker.log_text() and "recovered_bytes=0" in broker.log_text()
    for name, expected in seen["records"].items():
        assert read_all(broker.bootstrap, name) == expected, name
    committed, _ = seen["committed"]
    assert [value for _, _, _, _, value, *_ in committed] == [str(i).encode() for i in range(5)] * 2
    assert read_all(broker.bootstrap, "transacted", "read_committed") == seen["committed"]
    ids, configs = describe(broker.bootstrap)
    expected_ids, expected_configs = seen["described"]
    assert ids == expected_ids
    assert configs == expected_configs
    node = ck_admin.ConfigResource(ck_admin.ResourceType.BROKER, str(NODE))
    client = admin(broker.bootstrap)
    assert only(client.describe_configs([node]))["log.cleaner.backoff.ms"].value == "1234"
    for group, expected in seen["positions"].items():
        assert [offset for _, offset, _ in expected] == [11, 22, 33]
        assert positions(broker.bootstrap, group) == expected, group
    # And it goes on: new records behind the old ones, by producers with ids of their own, also after a restart.
    for run in range(2):
        produce(broker.bootstrap, "plain", 3, 30, 100 + run, **{"enable.idempotence": True})
        records, _ = read_all(broker.bootstrap, "plain")
        old, _ = seen["records"]["plain"]
        assert len(records) == len(old) + 30 * (run + 1)
        assert [record for record in records if record in old] == old
        broker.stop()
        broker.start()
    broker.stop()


def test_a_dry_run_and_a_missing_confirmation_change_nothing(left, tmp_path):
    source, _ = left
    target = tmp_path / "data"
    before = snapshot_of(source)
    looked = run_import(source, target, "--dry-run")
    assert looked.returncode == 0 and not json.loads(looked.stdout)["imported"]
    unconfirmed = run_import(source, target)
    assert unconfirmed.returncode == 2 and "add --yes" in unconfirmed.stderr
    assert not target.exists()
    assert snapshot_of(source) == before


def test_topics_join_those_that_the_target_has(left, make_broker, tmp_path):
    source, seen = left
    broker = make_broker()
    broker.start()
    client = admin(broker.bootstrap)
    only(client.create_topics([ck_admin.NewTopic("own", 2, 1)]))
    produce(broker.bootstrap, "own", 2, 100, 1)
    own = read_all(broker.bootstrap, "own")
    in_use = run_import(source, broker.data, "--yes")
    assert in_use.returncode == 1 and "in use by another process" in in_use.stderr
    broker.stop()
    # Its clients have asked for the coordinator of a group, so it has positions of groups of its own.
    mixed = run_import(source, broker.data, "--yes")
    assert mixed.returncode == 1 and "positions of groups of its own" in mixed.stderr
    report = imported(source, broker.data, "--without-group-positions")
    assert not report["target"]["is_new"]
    assert any("__consumer_offsets" in row["what"] for row in report["left_out"])
    broker.start()
    assert "clean_start=true" in broker.log_text()
    assert read_all(broker.bootstrap, "own") == own
    for name, expected in seen["records"].items():
        assert read_all(broker.bootstrap, name) == expected, name
    broker.stop()
    again = run_import(source, broker.data, "--yes", "--without-group-positions")
    assert again.returncode == 1 and "exists already" in again.stderr, again.stderr


def test_what_kafka_did_not_leave_in_order_is_refused(left, tmp_path):
    source, _ = left
    copy = tmp_path / "unclean"
    shutil.copytree(source, copy)
    (copy / ".kafka_cleanshutdown").unlink()
    refused = run_import(copy, tmp_path / "data", "--yes")
    assert refused.returncode == 1 and "was not left in order" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_a_directory_that_a_broker_holds_is_refused(left, tmp_path):
    source, _ = left
    copy = tmp_path / "held"
    shutil.copytree(source, copy)
    with open(copy / ".lock", "w") as held:
        # As Java locks: for this process, over the whole file. The import is another process.
        fcntl.lockf(held, fcntl.LOCK_EX)
        refused = run_import(copy, tmp_path / "data", "--yes")
    assert refused.returncode == 1 and "is in use" in refused.stderr


@pytest.mark.parametrize("damage", ["flip", "cut", "missing"])
def test_damage_refuses_the_import_and_names_the_file(left, tmp_path, damage):
    source, _ = left
    copy = tmp_path / "damaged"
    shutil.copytree(source, copy)
    segment = sorted((copy / "plain-1").glob("*.log"))[-1]
    content = bytearray(segment.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0x10
    elif damage == "cut":
        del content[-7:]
    if damage == "missing":
        segment.unlink()
        segment = sorted((copy / "plain-1").glob("*.log"))[-1]
    else:
        segment.write_bytes(content)
    refused = run_import(copy, tmp_path / "data", "--yes")
    assert refused.returncode == 1 and f"{segment} is damaged at" in refused.stderr, refused.stderr
    left_over = [path.name for path in (tmp_path / "data").iterdir()]
    assert not [name for name in left_over if name not in (".lock",)], left_over
    imported(source, tmp_path / "data")


def test_an_import_that_was_killed_is_done_again(left, make_broker, tmp_path):
    source, seen = left
    target = tmp_path / "data"
    command = [find_binary(), "log", "import", "--from", source, "--to", target, "--yes"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: (target / "highwater-import").exists() or process.poll() is not None, 30, "the first copy")
    process.kill()
    process.wait()
    if (target / "highwater-import").exists():
        imported(source, target)
    broker = make_broker({"node.id": str(NODE)}, target)
    broker.start()
    assert read_all(broker.bootstrap, "plain") == seen["records"]["plain"]
    broker.stop()
