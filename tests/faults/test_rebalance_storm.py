"""Members that come and go all the time while the coordinator is killed: committed offsets never go back, nothing is skipped."""

import threading
import time

import confluent_kafka as ck
import pytest

from harness import history
from harness.clients import driver
from harness.waiting import wait_until

pytestmark = [pytest.mark.own_broker, pytest.mark.timeout(300)]
PARTITIONS = 6
MEMBERS = 8
STAY_RECORDS = 150
KILLS = 3


class Storm:
    """Members each of which joins, reads a little, commits what it read, leaves, and joins again."""

    def __init__(self, bootstrap, topic, group):
        self.bootstrap, self.topic, self.group = bootstrap, topic, group
        self.seen = {}
        self.joined = 0
        self.errors = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._churn, daemon=True) for _ in range(MEMBERS)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a member does not end"

    def _churn(self):
        while not self._stopping.is_set():
            try:
                self._stay()
            except Exception as error:
                self.errors.append(repr(error))
                return

    def _stay(self):
        consumer = ck.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": self.group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 300,
            "reconnect.backoff.max.ms": 200, "log_level": 0,
        })
        consumer.subscribe([self.topic], on_assign=lambda *_: self._count())
        read, until = 0, time.monotonic() + 5
        while read < STAY_RECORDS and time.monotonic() < until and not self._stopping.is_set():
            messages = [m for m in consumer.consume(50, 0.2) if m.error() is None]
            if not messages:
                continue
            self._record(messages)
            read += len(messages)
            try:
                consumer.commit(asynchronous=False)
            except ck.KafkaException:
                # Fenced by a rebalance, or nobody there: whoever comes next reads it again.
                break
        consumer.close()

    def _count(self):
        with self._lock:
            self.joined += 1

    def _record(self, messages):
        with self._lock:
            for message in messages:
                place = (message.partition(), message.offset())
                value = int(message.value())
                if self.seen.setdefault(place, value) != value:
                    self.errors.append(f"{place} held {self.seen[place]} and {value}")


class Committed:
    """Looks at the committed offsets again and again, and remembers where one went back."""

    def __init__(self, bootstrap, topic, group):
        self.last = {}
        self.went_back = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(bootstrap, topic, group), daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._thread.join(30)

    def _look(self, bootstrap, topic, group):
        consumer = ck.Consumer({
            "bootstrap.servers": bootstrap, "group.id": group, "log_level": 0, "reconnect.backoff.max.ms": 200,
        })
        asked = [ck.TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        while not self._stopping.wait(0.05):
            try:
                found = consumer.committed(asked, timeout=5)
            except ck.KafkaException:
                continue
            for at in found:
                if at.error is None and at.offset < self.last.get(at.partition, at.offset):
                    self.went_back.append((at.partition, self.last[at.partition], at.offset))
                if at.error is None:
                    self.last[at.partition] = at.offset
        consumer.close()


@pytest.mark.allow_log(r"(?i)torn|truncat|cut|recover|unclean|rebuil|crash")
def test_a_storm_of_rebalances_skips_nothing_and_takes_no_commit_back(make_broker, topic, chance):
    broker = make_broker({"offsets.topic.num.partitions": "1"})
    broker.start()
    answer = driver("confluent-kafka").admin(broker.bootstrap, "create-topic", topic=topic, partitions=PARTITIONS)
    assert answer == {}, answer
    load = history.Load(broker.bootstrap, topic, PARTITIONS).start()
    committed = Committed(broker.bootstrap, topic, "storm").start()
    storm = Storm(broker.bootstrap, topic, "storm").start()
    for _ in range(KILLS):
        joined = storm.joined
        wait_until(lambda: storm.joined >= joined + 2 * MEMBERS, 60, "members to come and go", 0.1)
        time.sleep(chance.random() * 0.3)
        broker.kill()
        broker.start()
    joined, before = storm.joined, sum(committed.last.values())
    wait_until(lambda: storm.joined >= joined + 2 * MEMBERS, 60, "members to come and go", 0.1)
    storm.stop()
    wait_until(lambda: sum(committed.last.values()) > before, 30, "the offsets of the last members")
    committed.stop()
    load.stop()
    assert storm.errors == []
    assert committed.went_back == [], "committed offsets went back"
    everything = history.read_everything(broker.bootstrap, topic, PARTITIONS)
    skipped = [place for place in everything if place[1] < committed.last[place[0]] and place not in storm.seen]
    assert skipped == [], f"{len(skipped)} records were committed that nobody read, first {sorted(skipped)[:5]}"
    history.check(everything, load.snapshot(), storm.seen)
