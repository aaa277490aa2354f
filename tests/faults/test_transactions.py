"""Transactions through kill -9 of their clients and of the broker: all or nothing, once, and never left open."""

import os
import random
import time

import confluent_kafka as ck
import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from harness import transaction_history
from harness.clients import driver
from harness.disks import cut
from harness.transaction_history import ABORTED, COMMITTED, History
from harness.transaction_load import (
    Client, CommittedReader, Crowd, committed_count, earliest, ends, nothing_open, outcomes, read_all,
)
from harness.waiting import wait_until

SEED = int(os.environ.get("HIGHWATER_TEST_SEED", "20261122"))
SECONDS = float(os.environ.get("HIGHWATER_TEST_SECONDS", "10"))
PARTITIONS = 3
PRODUCERS, TRANSFORMERS = 4, 2
COMMITS = 20
COORDINATORS = ["__consumer_offsets", "__transaction_state"]
# Of so many transactions; the others commit.
CHAOS = {"abort": 0.15, "die": 0.01, "die in commit": 0.015}
TIMEOUT_SECONDS = 8
SETTINGS = {
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "3", "transaction.state.log.num.partitions": "3",
    "log.cleaner.backoff.ms": "200",
}

pytestmark = [
    pytest.mark.own_broker, pytest.mark.timeout(300 + 3 * SECONDS),
    # A crash leaves a tail that recovery may have to cut, and says so.
    pytest.mark.allow_log(r"(?i)torn|truncat|cut|recover|unclean|rebuil|crash"),
]

# A flush that is under way when the disk goes may fail before the process is gone.
DISK_GONE = pytest.mark.allow_log(r"(?i)offline|flush|os error 5")


def create(broker, topic, partitions=PARTITIONS, **configs):
    options = {"topic": topic, "partitions": partitions, "configs": configs}
    answer = driver("confluent-kafka").admin(broker.bootstrap, "create-topic", **options)
    assert answer == {}, answer


def end_now_and_then(broker, ends_of, seconds):
    """Ends the broker every few seconds in one of these ways and starts it again, for so long; returns how often."""
    chance, until, count = random.Random(f"{SEED} broker"), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(1 + 3 * chance.random())
        chance.choice(ends_of)()
        broker.start()
        count += 1
    return count


def finish(broker, producers, transformers, topics):
    """Ends the clients, lets the transformers transform what is left, and reads everything."""
    for client in producers + transformers:
        # A last incarnation, which ends what its predecessor left open.
        client.kill()
        client.options["chaos"] = {}
        client.start()
    for client in producers + transformers:
        client.wait_for("ready")
    for client in producers:
        assert client.stop(), f"{client.path} could not end: {client.errors()}"
    nothing_open(broker.bootstrap, topics[:1], TIMEOUT_SECONDS + 10)
    inputs = {record.value for record in read_all(broker.bootstrap, topics[:1]).values()}

    def everything_transformed():
        made = {record.source for record in read_all(broker.bootstrap, topics[-1:]).values()}
        return inputs <= made

    try:
        wait_until(everything_transformed, 60, "what is left to be transformed", 0.5)
    except TimeoutError:
        # The check of exactly once says what is missing.
        pass
    for client in transformers:
        assert client.stop(), f"{client.path} could not end: {client.errors()}"


def history_of(broker, clients, readers, topics):
    at_end = nothing_open(broker.bootstrap, [*topics, "__consumer_offsets"], TIMEOUT_SECONDS + 10)
    history = History(
        transactions=[transaction for client in clients for transaction in client.transactions()],
        committed=read_all(broker.bootstrap, topics), ends=at_end, input=topics[0], output=topics[-1],
        uncommitted=read_all(broker.bootstrap, topics, "read_uncommitted"),
    )
    wait_until(lambda: all(reader.has_seen(history.committed) for reader in readers), 30, "the readers to come to the end")
    for reader in readers:
        reader.stop()
        assert reader.violations == []
        history.polls |= reader.polls
    return history


def compact_what_coordinators_read(broker):
    """Lets the segments of coordinators end and be compacted every second, not every hundred megabytes."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    wait_until(lambda: set(COORDINATORS) <= set(admin.list_topics(timeout=10).topics), 30, "the coordinators' topics", 0.1)
    configs = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in configs.items()
    ]
    asked = [ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries) for topic in COORDINATORS]
    for answer in admin.incremental_alter_configs(asked).values():
        answer.result(10)


def check_a_history(broker, topic, directory, ends_of):
    """Lets clients come and go while the broker ends in these ways, and checks what they did and saw."""
    broker.start()
    topics = [f"{topic}-in", f"{topic}-other", f"{topic}-out"]
    for name in topics:
        create(broker, name)
    common = {"partitions": PARTITIONS, "chaos": CHAOS, "seed": SEED}
    producers = [Client(directory, n, broker.bootstrap, topics[:2], **common) for n in range(PRODUCERS)]
    transformers = [
        Client(directory, PRODUCERS + n, broker.bootstrap, topics[2:], source=topics[0], group="transformers", **common)
        for n in range(TRANSFORMERS)
    ]
    clients = producers + transformers
    readers = [CommittedReader(broker.bootstrap, topics, PARTITIONS, group).start() for group in (None, "watchers")]
    crowd = Crowd(clients, SEED).start()
    compact_what_coordinators_read(broker)
    restarts = end_now_and_then(broker, ends_of, SECONDS)
    crowd.stop()
    finish(broker, producers, transformers, topics)
    history = history_of(broker, clients, readers, topics)
    print(f"seed {SEED}: {restarts} restarts of the broker, {crowd.deaths} of clients, {crowd.fenced} fenced, {outcomes(clients)}, "
          f"{len(history.committed)} records committed of {len(history.uncommitted)}, "
          f"{sum(map(len, history.polls.values()))} polled in {len(history.polls)} stretches")
    fatal = [error for client in clients for error in client.errors()]
    assert [error for error in fatal if "code=_FENCED" not in error] == []
    assert len(fatal) <= crowd.fenced, "somebody was fenced who had no successor"
    assert transaction_history.violations(history) == {}
    assert all(history.of_outcome(outcome) for outcome in (COMMITTED, ABORTED))
    assert all(f"compacted partition={name}" in broker.log_text() for name in COORDINATORS)
    assert committed_count(transformers) > 0 and crowd.deaths > 0 and crowd.fenced > 0


def test_a_history_of_transactions_holds_through_kills_of_clients_and_broker(make_broker, topic, tmp_path):
    broker = make_broker(SETTINGS)
    check_a_history(broker, topic, tmp_path, [broker.kill, broker.kill, broker.stop])


@DISK_GONE
def test_a_history_of_transactions_holds_through_power_loss(make_broker, loop_disk, topic, tmp_path):
    disk = loop_disk(1024)
    broker = make_broker(SETTINGS, data=disk.mountpoint / "data")
    check_a_history(broker, topic, tmp_path, [lambda: cut(broker, disk)])
    broker.kill()


def test_control_a_reader_of_what_is_not_committed_is_found_out(make_broker, topic, tmp_path):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic)
    client = Client(tmp_path, 1, broker.bootstrap, [topic], PARTITIONS, {"abort": 0.5}, SEED)
    reader = CommittedReader(broker.bootstrap, [topic], PARTITIONS, isolation="read_uncommitted").start()
    client.start()
    wait_until(lambda: len(client.events(ABORTED)) >= 20 and committed_count([client]) >= 20, 60, "transactions")
    assert client.stop(), client.errors()
    uncommitted = read_all(broker.bootstrap, [topic], "read_uncommitted")
    wait_until(lambda: reader.has_seen(uncommitted), 30, "the reader to come to the end")
    reader.stop()
    history = History(client.transactions(), reader.polls, read_all(broker.bootstrap, [topic]), uncommitted)
    assert {"aborted_read", "pre_committed_read"} == transaction_history.violations(history).keys()


def transactional(broker, name, timeout_seconds=60):
    """A transactional producer in this process, initialised."""
    producer = ck.Producer({
        "bootstrap.servers": broker.bootstrap, "transactional.id": name, "log_level": 0,
        "transaction.timeout.ms": int(timeout_seconds * 1000), "metadata.recovery.strategy": "none",
    })
    producer.init_transactions(30)
    return producer


def send(producer, topic, values, partition=None, key=None):
    """Produces so many integers, round the partitions or to one, and waits until they are there."""
    for value in values:
        at = value % PARTITIONS if partition is None else partition
        producer.produce(topic, value=b"%d" % value, key=key and key(value), partition=at)
    assert producer.flush(30) == 0


def values_of(records):
    return sorted(record.value for record in records.values())


def is_settled(broker, topic):
    """Whether the last stable offset of each partition is its high watermark."""
    return all(low == high for low, high in ends(broker.bootstrap, [topic]).values())


def test_what_was_committed_just_before_a_kill_is_there_after_it(make_broker, topic):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic)
    committed = []
    for attempt in range(COMMITS):
        producer = transactional(broker, "committer")
        producer.begin_transaction()
        values = range(attempt * 10, attempt * 10 + 5)
        send(producer, topic, values)
        producer.commit_transaction(30)
        broker.kill()
        committed += values
        broker.start()
        assert all(low == high for low, high in nothing_open(broker.bootstrap, [topic], 10).values())
        assert values_of(read_all(broker.bootstrap, [topic])) == committed


@DISK_GONE
def test_what_was_committed_just_before_the_power_goes_is_there_after_it(make_broker, loop_disk, topic):
    disk = loop_disk(512)
    broker = make_broker(SETTINGS, data=disk.mountpoint / "data")
    broker.start()
    create(broker, topic)
    committed = []
    for attempt in range(COMMITS // 4):
        committer, aborter = transactional(broker, "committer"), transactional(broker, "aborter")
        values = range(attempt * 10, attempt * 10 + 5)
        for producer in (committer, aborter):
            producer.begin_transaction()
            send(producer, topic, values if producer is committer else range(-9, -1))
        aborter.abort_transaction(30)
        committer.commit_transaction(30)
        cut(broker, disk)
        committed += values
        broker.start()
        assert all(low == high for low, high in nothing_open(broker.bootstrap, [topic], 10).values())
        assert values_of(read_all(broker.bootstrap, [topic])) == committed
    broker.kill()


def test_what_was_aborted_just_before_a_kill_is_not_there_after_it(make_broker, topic):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic)
    for attempt in range(COMMITS // 4):
        producer = transactional(broker, "aborter")
        producer.begin_transaction()
        send(producer, topic, range(attempt * 10, attempt * 10 + 5))
        producer.abort_transaction(30)
        broker.kill()
        broker.start()
        assert all(low == high for low, high in nothing_open(broker.bootstrap, [topic], 10).values())
        assert read_all(broker.bootstrap, [topic]) == {}


@pytest.mark.parametrize("ended_by", ["the id that comes back", "its timeout"])
def test_a_transaction_that_a_kill_left_open_shows_nothing_and_ends(make_broker, topic, tmp_path, ended_by):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic)
    comes_back = ended_by == "the id that comes back"
    client = Client(tmp_path, 1, broker.bootstrap, [topic], PARTITIONS, {"hold": 1.0},
                    timeout_ms=600_000 if comes_back else TIMEOUT_SECONDS * 1000)
    client.start().wait_for("held")
    client.kill()
    broker.kill()
    broker.start()
    assert client.transactions()[0].outcome == ABORTED
    assert not is_settled(broker, topic), "the transaction is not open after the restart"
    assert read_all(broker.bootstrap, [topic]) == {}
    if comes_back:
        producer = transactional(broker, client.options["id"])
        wait_until(lambda: is_settled(broker, topic), 10, "the transaction to be aborted")
    else:
        wait_until(lambda: is_settled(broker, topic), TIMEOUT_SECONDS + 10, "the transaction to be aborted")
        producer = transactional(broker, "somebody else")
    assert read_all(broker.bootstrap, [topic]) == {}
    producer.begin_transaction()
    send(producer, topic, range(5))
    producer.commit_transaction(30)
    wait_until(lambda: is_settled(broker, topic), 10, "the transaction to be committed")
    assert values_of(read_all(broker.bootstrap, [topic])) == list(range(5))


@pytest.mark.parametrize("overtaken_by", ["its timeout", "its successor"])
def test_a_late_commit_is_refused(make_broker, topic, overtaken_by):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic)
    late = transactional(broker, "late", timeout_seconds=2)
    late.begin_transaction()
    send(late, topic, range(5))
    assert not is_settled(broker, topic)
    successor = transactional(broker, "late") if overtaken_by == "its successor" else None
    wait_until(lambda: is_settled(broker, topic), 2 + 10, "the transaction to be aborted")
    if successor:
        successor.begin_transaction()
        send(successor, topic, range(10, 15))
    with pytest.raises(ck.KafkaException):
        late.commit_transaction(30)
    assert read_all(broker.bootstrap, [topic]) == {}
    if successor:
        successor.commit_transaction(30)
        wait_until(lambda: is_settled(broker, topic), 10, "the transaction to be committed")
        assert values_of(read_all(broker.bootstrap, [topic])) == list(range(10, 15))


def delete_before(broker, topic, offset):
    """DeleteRecords on partition 0; returns where the log starts now."""
    asked = [ck.TopicPartition(topic, 0, offset)]
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    answers = admin.delete_records(asked)
    return next(iter(answers.values())).result(10).low_watermark


def log_start(broker, topic):
    """The first offset of partition 0."""
    return earliest(broker.bootstrap, [topic])[(topic, 0)]


@pytest.mark.parametrize("outcome", [COMMITTED, ABORTED])
@pytest.mark.parametrize("deleted", [5, 10, ck.OFFSET_END], ids=["half of it", "all of it", "all there is"])
def test_records_can_be_deleted_in_the_middle_of_an_open_transaction(make_broker, topic, outcome, deleted):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic, partitions=1)
    first, second = transactional(broker, "first"), transactional(broker, "second")
    first.begin_transaction()
    send(first, topic, range(10), partition=0)
    second.begin_transaction()
    send(second, topic, range(10, 15), partition=0)
    second.commit_transaction(30)
    assert not is_settled(broker, topic)
    starts = delete_before(broker, topic, deleted)
    # The five of the other transaction and its marker follow the ten.
    assert starts == (16 if deleted == ck.OFFSET_END else deleted)
    send(first, topic, range(15, 18), partition=0)
    (first.commit_transaction if outcome == COMMITTED else first.abort_transaction)(30)
    wait_until(lambda: is_settled(broker, topic), 10, "the transaction to end")
    of_first = [n for n in [*range(10), *range(15, 18)] if outcome == COMMITTED and (n >= starts or n >= 15)]
    of_second = range(10, 15) if starts <= 10 else []
    expected = sorted([*of_first, *of_second])
    assert values_of(read_all(broker.bootstrap, [topic])) == expected
    broker.kill()
    broker.start()
    assert is_settled(broker, topic)
    assert log_start(broker, topic) == starts
    assert values_of(read_all(broker.bootstrap, [topic])) == expected


SMALL_SEGMENTS = {"segment.bytes": str(1 << 20)}
PADDING = b" " * 50_000


def fill(broker, topic, records):
    """So many records of 50 kB outside of any transaction, all with one key; their value is -1."""
    producer = ck.Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for _ in range(records):
        producer.produce(topic, value=b"-1" + PADDING, key=b"-1", partition=0)
    assert producer.flush(30) == 0


@pytest.mark.parametrize("outcome", [COMMITTED, ABORTED])
def test_a_transaction_lives_through_retention(make_broker, topic, outcome):
    broker = make_broker({**SETTINGS, "log.retention.check.interval.ms": "200", "log.initial.task.delay.ms": "200"})
    broker.start()
    create(broker, topic, partitions=1, **SMALL_SEGMENTS, **{"retention.bytes": str(1 << 21)})
    producer = transactional(broker, "open")
    producer.begin_transaction()
    send(producer, topic, range(10), partition=0)
    fill(broker, topic, 120)
    # Whether retention may take what is not decided yet is the broker's affair; it must not take the end of it.
    broker.kill()
    broker.start()
    assert not is_settled(broker, topic)
    send(producer, topic, range(10, 20), partition=0)
    (producer.commit_transaction if outcome == COMMITTED else producer.abort_transaction)(30)
    wait_until(lambda: is_settled(broker, topic), 10, "the transaction to end")
    fill(broker, topic, 20)
    starts = wait_until(lambda: log_start(broker, topic), 20, "retention")
    assert starts > 10
    found = read_all(broker.bootstrap, [topic])
    expected = [(130 + n, 10 + n) for n in range(10)] if outcome == COMMITTED else []
    assert [(place[2], record.value) for place, record in sorted(found.items()) if record.value >= 0] == expected
    # Retention goes on, over the transaction and its marker.
    fill(broker, topic, 120)
    wait_until(lambda: log_start(broker, topic) > 150, 20, "more retention")
    broker.kill()
    broker.start()
    assert is_settled(broker, topic)
    assert {record.value for record in read_all(broker.bootstrap, [topic]).values()} == {-1}


def test_a_compacted_topic_keeps_the_last_committed_value_of_each_key(make_broker, topic):
    broker = make_broker(SETTINGS)
    broker.start()
    create(broker, topic, partitions=1, **SMALL_SEGMENTS, **{
        "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0",
    })
    keys, last, aborted = 10, {}, set()
    producer = transactional(broker, "compacted")

    def write(values):
        send(producer, topic, values, partition=0, key=lambda value: b"%d" % (value % keys))

    def fillers():
        return sum(record.value == -1 for record in read_all(broker.bootstrap, [topic], "read_uncommitted").values())

    def check():
        records = sorted(read_all(broker.bootstrap, [topic]).items())
        assert all(record.value % keys == record.source for _, record in records if record.value >= 0)
        assert not aborted & {record.value for _, record in records}
        assert {record.source: record.value for _, record in records if record.value >= 0} == last

    def compact():
        fill(broker, topic, 50)
        wait_until(lambda: fillers() < 50, 60, "compaction", 0.2)

    for attempt in range(12):
        producer.begin_transaction()
        values = range(attempt * keys, (attempt + 1) * keys - attempt % 3)
        # Segments end in the middle of transactions, and between them.
        write(values[:4])
        fill(broker, topic, 6)
        write(values[4:])
        if attempt % 4 == 3:
            producer.abort_transaction(30)
            aborted |= set(values)
        else:
            producer.commit_transaction(30)
            last |= {value % keys: value for value in values}
        fill(broker, topic, 6)
    producer.begin_transaction()
    write(range(1000, 1010))
    aborted |= set(range(1000, 1010))
    wait_until(lambda: fillers() < 12 * 12 // 2, 60, "compaction", 0.2)
    check()
    # What an open transaction holds back is neither compacted nor lost.
    fill(broker, topic, 50)
    check()
    producer.abort_transaction(30)
    wait_until(lambda: is_settled(broker, topic), 10, "the transaction to end")
    compact()
    check()
    broker.kill()
    broker.start()
    check()
    # Once more over what was compacted, with lists of aborted transactions that were read from the disk.
    producer = transactional(broker, "compacted")
    producer.begin_transaction()
    write(range(2000, 2005))
    producer.commit_transaction(30)
    last |= {value % keys: value for value in range(2000, 2005)}
    compact()
    check()
