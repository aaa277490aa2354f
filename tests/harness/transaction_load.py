"""Transactional clients that come and go, committed readers beside them, and the reads at the end."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import confluent_kafka as ck
from confluent_kafka.admin import AdminClient, OffsetSpec

from .transaction_history import COMMITTED, Record, Seen, transactions_of
from .waiting import wait_until

TESTS = Path(__file__).resolve().parents[1]


class Client:
    """One transactional id, and the processes that bear it one after the other."""

    def __init__(self, directory, number, bootstrap, topics, partitions, chaos=None, seed=0, **more):
        self.path = Path(directory) / f"client-{number}.jsonl"
        self.options = {
            "bootstrap": bootstrap, "worker": number, "id": f"client-{number}", "topics": topics,
            "partitions": partitions, "chaos": chaos or {}, "incarnation": -1, **more,
        }
        self.seed = seed
        self.process = None
        self.left_behind = []

    def start(self):
        self.options["incarnation"] += 1
        self.options["seed"] = f"{self.seed} {self.options['worker']} {self.options['incarnation']}"
        command = [sys.executable, "-m", "harness.transaction_worker", json.dumps(self.options)]
        with open(self.path, "ab") as out, open(self.path.with_suffix(".err"), "ab") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=TESTS)
        return self

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def leave_behind(self):
        """Stops the process in the middle of what it does, for a successor to be started; `wake` lets it go on."""
        self.process.send_signal(signal.SIGSTOP)
        self.left_behind.append(self.process)

    def wake(self):
        for process in self.left_behind:
            process.send_signal(signal.SIGCONT)

    def end_left_behind(self, seconds=30):
        """A fenced process ends by itself at the latest when it is asked to."""
        self.wake()
        for process in self.left_behind:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def is_ready(self):
        """Whether its present process has its transactional id."""
        return any(event["incarnation"] == self.options["incarnation"] for event in self.events("ready"))

    def stop(self, seconds=60):
        """Lets it end its transaction; says whether it went by itself."""
        if self.is_alive():
            self.process.terminate()
        try:
            return self.process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def events(self, *kinds):
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [event for event in map(json.loads, lines) if not kinds or event["event"] in kinds]

    def transactions(self):
        return transactions_of(self.path.read_text().splitlines())

    def wait_for(self, kind, seconds=30):
        """Waits until its present process has logged such an event."""
        incarnation = self.options["incarnation"]
        wait_until(
            lambda: any(event["incarnation"] == incarnation for event in self.events(kind)), seconds,
            f"{kind} of {self.path}")

    def errors(self):
        """What its processes could not go on after: what the library calls fatal, and what Python does not expect."""
        found = [event["what"] for event in self.events("fatal")]
        unexpected = self.path.with_suffix(".err").read_text()
        return found + ([unexpected] if "Traceback" in unexpected else [])


class Crowd:
    """Keeps clients running: starts again who died, kills one now and then, or lets it meet its own successor."""

    def __init__(self, clients, seed, harm_every_seconds=1.0):
        self.clients, self.every = clients, harm_every_seconds
        self.chance = random.Random(f"{seed} crowd")
        self.deaths = self.fenced = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self):
        for client in self.clients:
            client.start()
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._thread.join(30)
        for client in self.clients:
            client.end_left_behind()

    def _harm(self):
        for client in self.clients:
            client.wake()
        # A group that is always rebalancing transforms nothing.
        weights = [1 if "group" in client.options else 4 for client in self.clients]
        client = self.chance.choices(self.clients, weights)[0]
        # Who has not got his id yet would take it from his successor.
        if self.chance.random() < 0.4 and client.is_alive() and client.is_ready():
            client.leave_behind()
            client.start()
            self.fenced += 1
        else:
            client.kill()

    def _keep(self):
        next_harm = time.monotonic() + self.every
        while not self._stopping.wait(0.02):
            if time.monotonic() > next_harm:
                self._harm()
                next_harm += self.every * (0.5 + self.chance.random())
            for client in self.clients:
                if not client.is_alive():
                    self.deaths += 1
                    client.start()


def committed_consumer(bootstrap, **more):
    return ck.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "committed-readers", "enable.auto.commit": False, "log_level": 0,
        "auto.offset.reset": "error", "isolation.level": "read_committed", "check.crcs": True,
        "reconnect.backoff.max.ms": 200, "fetch.wait.max.ms": 50, **more,
    })


def record_of(message):
    return Record(int(message.value()), None if message.key() is None else int(message.key()))


def place_of(message):
    return message.topic(), message.partition(), message.offset()


class CommittedReader:
    """Reads what is committed, all the time: assigned by itself, or as the member of a group."""

    def __init__(self, bootstrap, topics, partitions, group=None, isolation="read_committed"):
        self.name, self.isolation = group or "assigned", isolation
        self.polls = {}
        self.violations = []
        self._stretch = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(bootstrap, topics, partitions, group), daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._thread.join(30)

    def has_seen(self, places):
        """Whether its present stretch has come to the end of these places."""
        last = {}
        for topic, partition, offset in places:
            last[(topic, partition)] = max(offset, last.get((topic, partition), -1))
        had = {place for _, place, _ in self.polls.get(f"{self.name} {self._stretch}", [])}
        return all((*where, offset) in had for where, offset in last.items())

    def _read(self, bootstrap, topics, partitions, group):
        if group:
            consumer = committed_consumer(bootstrap, **{"group.id": group, "auto.offset.reset": "earliest"})
            # It never commits, and begins at the beginning again whenever it is assigned.
            consumer.subscribe(topics, on_assign=self._assigned)
        else:
            consumer = committed_consumer(bootstrap, **{"isolation.level": self.isolation})
            consumer.assign([ck.TopicPartition(topic, p, 0) for topic in topics for p in range(partitions)])
        while not self._stopping.is_set():
            message = consumer.poll(0.1)
            if message is None:
                continue
            if message.error() is None:
                seen = Seen(time.monotonic(), place_of(message), record_of(message))
                self.polls.setdefault(f"{self.name} {self._stretch}", []).append(seen)
            elif message.error().code() in (ck.KafkaError._AUTO_OFFSET_RESET, ck.KafkaError.OFFSET_OUT_OF_RANGE):
                self.violations.append(f"a position that was read is out of range: {message.error()}")
                return
        consumer.close()

    def _assigned(self, *_):
        self._stretch += 1


def offsets(bootstrap, topics, spec, isolation=ck.IsolationLevel.READ_UNCOMMITTED):
    """{(topic, partition): offset} of all partitions of these topics."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    found = admin.list_topics(timeout=10).topics
    asked = {ck.TopicPartition(t, p): spec for t in topics if t in found for p in found[t].partitions}
    answers = admin.list_offsets(asked, isolation_level=isolation, request_timeout=10)
    return {(at.topic, at.partition): answer.result(10).offset for at, answer in answers.items()}


def ends(bootstrap, topics):
    """{(topic, partition): (last stable offset, high watermark)}."""
    stable = offsets(bootstrap, topics, OffsetSpec.latest(), ck.IsolationLevel.READ_COMMITTED)
    high = offsets(bootstrap, topics, OffsetSpec.latest())
    return {where: (stable[where], high[where]) for where in high}


def earliest(bootstrap, topics):
    """{(topic, partition): log start offset}."""
    return offsets(bootstrap, topics, OffsetSpec.earliest())


def nothing_open(bootstrap, topics, seconds):
    """The ends once all last stable offsets are high watermarks, or as they are after so long."""
    try:
        wait_until(lambda: all(low == high for low, high in ends(bootstrap, topics).values()), seconds, "", 0.2)
    except TimeoutError:
        pass
    return ends(bootstrap, topics)


def read_all(bootstrap, topics, isolation="read_committed", seconds=60):
    """Reads these topics from their beginning to their end: {place: record}."""
    consumer = committed_consumer(bootstrap, **{
        "isolation.level": isolation, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(timeout=10).topics
    wanted = {(topic, partition) for topic in topics for partition in partitions[topic].partitions}
    consumer.assign([ck.TopicPartition(topic, partition, ck.OFFSET_BEGINNING) for topic, partition in wanted])
    found, deadline = {}, time.monotonic() + seconds
    while wanted:
        assert time.monotonic() < deadline, f"read {len(found)} records within {seconds} s, not to the end of {wanted}"
        message = consumer.poll(0.2)
        if message is None:
            continue
        if message.error() is None:
            found[place_of(message)] = record_of(message)
        elif message.error().code() == ck.KafkaError._PARTITION_EOF:
            wanted.discard((message.topic(), message.partition()))
    consumer.close()
    return found


def outcomes(clients):
    """How many transactions ended how, for the report of a test."""
    counts = {}
    for transaction in (t for client in clients for t in client.transactions()):
        counts[transaction.outcome] = counts.get(transaction.outcome, 0) + 1
    return counts


def committed_count(clients):
    return sum(len(client.events(COMMITTED)) for client in clients)
