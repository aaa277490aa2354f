"""Every client that has transactions: what was committed is read, nothing else is, whoever dies in between."""

import re

import confluent_kafka as ck
import confluent_kafka.admin
import pytest

from harness.driver import from_wire, to_wire
from harness.waiting import wait_until

# Brokers of a single test are started often; topics of fifty partitions would take most of that time.
SMALL = {"offsets.topic.num.partitions": "2", "transaction.state.log.num.partitions": "2"}


@pytest.fixture(autouse=True)
def only_with_transactions(client):
    if not client.can("transactions"):
        pytest.skip(f"{client} has no transactions")


class Transactor:
    """A driver with one transactional producer, which does one step after the other."""

    def __init__(self, client, broker, transactional_id, options):
        self.driver = client.start("transact", {"bootstrap": broker.bootstrap, "id": transactional_id, **options})
        self.steps = 0

    def wait_ready(self):
        self.driver.wait_for(lambda events: events, 60, "the producer to be ready")
        return self

    def ask(self, do, **more):
        """Starts a step and returns its number."""
        self.driver.send([{"do": do, **more}])
        self.steps += 1
        return self.steps - 1

    def answer(self, number, seconds=60):
        """Waits for the end of a step and returns its error, or None."""
        def answers(events):
            return [event for event in events if event.get("step") == number]

        self.driver.wait_for(answers, seconds, f"the answer of step {number}")
        return answers(self.driver.events)[0].get("error")

    def attempt(self, do, **more):
        """Does a step and returns its error, or None."""
        return self.answer(self.ask(do, **more))

    def do(self, do, **more):
        """Does a step that must succeed."""
        error = self.attempt(do, **more)
        assert error is None, f"{self.driver.name}: {do} failed: {error}"

    def begin(self, topic, *values, partition=0):
        """Begins a transaction and sends, until all of it is in the log."""
        self.do("begin")
        self.send(topic, *values, partition=partition)

    def send(self, topic, *values, partition=0):
        self.do("send", topic=topic, partition=partition, values=[to_wire(value.encode()) for value in values])


@pytest.fixture
def transactor(client):
    """Starts transactional producers, none of which outlives its test."""
    started = []

    def start(broker, transactional_id, **options):
        started.append(Transactor(client, broker, transactional_id, options))
        return started[-1].wait_ready()

    yield start
    for one in started:
        one.driver.kill()


@pytest.fixture
def small_broker(make_broker):
    """A broker of this test alone, which starts fast."""
    broker = make_broker(SMALL)
    broker.start()
    return broker


def create(broker, topic, partitions=1):
    admin = ck.admin.AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    admin.create_topics([ck.admin.NewTopic(topic, partitions, 1)])[topic].result(30)


def produce(broker, topic, *values, partition=0):
    """Writes outside of any transaction."""
    producer = ck.Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for value in values:
        producer.produce(topic, value=value, partition=partition)
    assert producer.flush(30) == 0


def visible(broker, topic, isolation="read_committed", partition=0):
    """All values that a reader finds in a partition until the end that it is told of."""
    reader = ck.Consumer({
        "bootstrap.servers": broker.bootstrap, "group.id": "unused", "enable.auto.commit": False,
        "enable.partition.eof": True, "isolation.level": isolation, "log_level": 0, "fetch.wait.max.ms": 20,
    })
    reader.assign([ck.TopicPartition(topic, partition, ck.OFFSET_BEGINNING)])
    values = []
    try:
        while True:
            message = reader.poll(30)
            assert message is not None, f"no end of {topic} within 30 s; so far {values}"
            if message.error() is None:
                values.append(message.value().decode())
            elif message.error().code() == ck.KafkaError._PARTITION_EOF:
                return values
    finally:
        reader.close()


def wait_visible(broker, topic, wanted, seconds=30, partition=0):
    """Waits until readers of committed records find `wanted`."""
    found = []

    def arrived():
        found[:] = visible(broker, topic, partition=partition)
        return found == wanted

    try:
        wait_until(arrived, seconds, f"{wanted} to be visible")
    except TimeoutError as error:
        raise AssertionError(f"{error}, not {found}") from None


def committed_offset(broker, group, topic):
    """What the group committed of partition 0, once no transaction is about to change it."""
    reader = ck.Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "log_level": 0})
    try:
        return reader.committed([ck.TopicPartition(topic, 0)], timeout=30)[0].offset
    finally:
        reader.close()


def start_reader(client, broker, topic, count):
    """The client itself, reading committed records until it has that many."""
    return client.start("consume", {
        "bootstrap": broker.bootstrap, "topic": topic, "partition": 0, "from": "beginning", "count": count,
        "isolation": "read_committed",
    })


def read_committed(client, broker, topic, count):
    return values_of(start_reader(client, broker, topic, count).finish())


def values_of(events):
    return [from_wire(event["value"]).decode() for event in events if event.get("event") == "record"]


def test_committed_records_are_read_in_order_and_aborted_ones_are_not(client, broker, topic, transactor):
    create(broker, topic)
    producer = transactor(broker, topic)
    producer.begin(topic, "a", "b")
    producer.do("commit")
    producer.begin(topic, "c", "d")
    producer.do("abort")
    producer.begin(topic, "e")
    producer.send(topic, "f")
    producer.do("commit")
    producer.driver.finish()
    wait_visible(broker, topic, ["a", "b", "e", "f"])
    assert visible(broker, topic, "read_uncommitted") == ["a", "b", "c", "d", "e", "f"]
    assert read_committed(client, broker, topic, 4) == ["a", "b", "e", "f"]


def test_transactions_follow_each_other_without_a_pause(client, broker, topic, transactor):
    create(broker, topic, 3)
    producer = transactor(broker, topic)
    numbers = []
    for i in range(60):
        numbers.append(producer.ask("begin"))
        for partition in range(3):
            values = [to_wire(b"%d" % i)]
            numbers.append(producer.ask("send", topic=topic, partition=partition, values=values))
        # The markers of this one may be on their way when the next one begins.
        numbers.append(producer.ask("abort" if i % 3 == 0 else "commit"))
    producer.driver.finish(90)
    errors = [error for error in map(producer.answer, numbers) if error is not None]
    assert errors == []
    wanted = [str(i) for i in range(60) if i % 3 != 0]
    for partition in range(3):
        wait_until(lambda at=partition: wanted[-1] in visible(broker, topic, partition=at), 30, "the last transaction")
        assert visible(broker, topic, partition=partition) == wanted


def test_an_open_transaction_hides_itself_and_what_is_behind_it(client, broker, topic, transactor):
    create(broker, topic)
    produce(broker, topic, "before")
    producer = transactor(broker, topic)
    reader = start_reader(client, broker, topic, 4)
    try:
        seen = ["before"]
        for end, shown in (("commit", ["1", "behind 1"]), ("abort", ["behind 2"])):
            number = shown[-1][-1]
            producer.begin(topic, number)
            produce(broker, topic, f"behind {number}")
            reader.wait_for(lambda events, wanted=len(seen): len(values_of(events)) >= wanted, 60, f"{seen}")
            # What hides them is the open transaction, for they are there.
            assert visible(broker, topic, "read_uncommitted")[-2:] == [number, f"behind {number}"]
            assert visible(broker, topic) == seen
            reader.poll()
            assert values_of(reader.events) == seen
            producer.do(end)
            seen = seen + shown
        assert values_of(reader.finish()) == seen
    finally:
        reader.kill()


def test_offsets_sent_in_a_transaction_count_after_its_commit_alone(client, broker, topic, transactor):
    source, group = f"{topic}-source", f"g-{topic}"
    create(broker, topic)
    create(broker, source)
    produce(broker, source, "0", "1", "2", "3", "4")
    first = transactor(broker, topic, group=group, source=source)
    first.do("begin")
    first.do("transform", topic=topic, partition=0, count=2)
    first.do("commit")
    first.do("begin")
    first.do("transform", topic=topic, partition=0, count=2)
    first.do("abort")
    first.driver.finish()
    wait_visible(broker, topic, ["of 0", "of 1"])
    assert committed_offset(broker, group, source) == 2
    # Another one takes up where the last commit ended.
    second = transactor(broker, topic, group=group, source=source)
    second.do("begin")
    second.do("transform", topic=topic, partition=0, count=3)
    second.do("commit")
    second.driver.finish()
    wait_visible(broker, topic, ["of 0", "of 1", "of 2", "of 3", "of 4"])
    wait_until(lambda: committed_offset(broker, group, source) == 5, 30, "the offset of the second commit")


def test_a_second_producer_of_the_same_id_fences_the_first(client, broker, topic, transactor):
    create(broker, topic, 2)
    first = transactor(broker, topic)
    first.begin(topic, "kept")
    first.do("commit")
    first.begin(topic, "lost")
    produce(broker, topic, "behind")
    second = transactor(broker, topic)
    second.begin(topic, "new", partition=1)
    # The second transaction is open, so it is not its end that lets readers past the first one.
    wait_visible(broker, topic, ["kept", "behind"])
    assert visible(broker, topic, partition=1) == []
    # Libraries differ in words; 90 is PRODUCER_FENCED, which sarama has no name for.
    error = first.attempt("commit")
    assert error is not None, "the producer that was fenced committed"
    assert re.search("fenced|old epoch|code = 90", error, re.IGNORECASE), error
    second.do("commit")
    wait_visible(broker, topic, ["new"], partition=1)
    assert visible(broker, topic) == ["kept", "behind"]
    assert visible(broker, topic, "read_uncommitted") == ["kept", "lost", "behind"]


def test_a_transaction_of_a_dead_producer_is_aborted_after_its_timeout(client, small_broker, topic, transactor):
    create(small_broker, topic)
    producer = transactor(small_broker, topic, timeout_ms=2000)
    producer.begin(topic, "lost")
    producer.driver.kill()
    produce(small_broker, topic, "behind")
    assert visible(small_broker, topic, "read_uncommitted") == ["lost", "behind"]
    wait_visible(small_broker, topic, ["behind"])
    assert read_committed(client, small_broker, topic, 1) == ["behind"]


def end_after_commit(client, broker, topic, transactor, producer, commit):
    """What became of a commit during which the broker went away, and the producer to go on with.

    True is committed, False aborted, None either: some libraries cannot go on after a commit that failed.
    """
    if producer.answer(commit, 90) is None:
        return True, producer
    if client.can("abort_after_failed_commit"):
        producer.do("abort")
        return False, producer
    return None, transactor(broker, topic)


@pytest.mark.own_broker
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_transaction_over_a_restart_is_committed_or_aborted_as_a_whole(client, small_broker, topic, transactor, end):
    create(small_broker, topic, 2)
    producer = transactor(small_broker, topic)
    outcomes = {}
    for name in ("after", "during 1", "during 2"):
        producer.begin(topic, name)
        producer.send(topic, name, partition=1)
        commit = producer.ask("commit") if name != "after" else None
        getattr(small_broker, end)()
        small_broker.start()
        if commit is None:
            commit = producer.ask("commit")
        outcomes[name], producer = end_after_commit(client, small_broker, topic, transactor, producer, commit)
    producer.begin(topic, "open")
    producer.driver.kill()
    getattr(small_broker, end)()
    small_broker.start()
    fresh = transactor(small_broker, topic)
    fresh.begin(topic, "last")
    fresh.send(topic, "last", partition=1)
    fresh.do("commit")
    for partition in range(2):
        wait_until(lambda at=partition: "last" in visible(small_broker, topic, partition=at), 30, "the last transaction")
    seen = visible(small_broker, topic)
    kept = [name for name, outcome in outcomes.items() if outcome or (outcome is None and name in seen)]
    assert seen == [*kept, "last"], outcomes
    assert visible(small_broker, topic, partition=1) == [*kept, "last"], outcomes


@pytest.mark.own_broker
def test_what_is_transformed_over_a_restart_is_there_once(client, small_broker, topic, transactor):
    source, group, count = f"{topic}-source", f"g-{topic}", 6
    create(small_broker, topic)
    create(small_broker, source)
    produce(small_broker, source, *(str(i) for i in range(count)))
    # A member that has not heard of the coordinator since cannot leave, and is missed after its session.
    first = transactor(small_broker, topic, group=group, source=source, session_ms=6000)
    first.do("begin")
    first.do("transform", topic=topic, partition=0, count=2)
    commit = first.ask("commit")
    small_broker.kill()
    small_broker.start()
    # Whatever the answer is: its offsets count if its records do.
    first.answer(commit)
    first.driver.finish()
    second = transactor(small_broker, topic, group=group, source=source)
    wanted = [f"of {i}" for i in range(count)]
    while wanted[-1] not in visible(small_broker, topic):
        second.do("begin")
        second.do("transform", topic=topic, partition=0, count=1)
        second.do("commit")
    assert visible(small_broker, topic) == wanted
    second.driver.finish()
    wait_until(lambda: committed_offset(small_broker, group, source) == count, 30, "the offset of the last commit")
