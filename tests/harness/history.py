"""Unique integers through the broker, every outcome recorded, and the promises checked against them.

The checks are those of a log that keeps its word:

* lost: an acknowledged record is at the offset that was acknowledged;
* duplicate: no integer is there twice (the producers are idempotent);
* order: what one producer sent to one partition is there in the order of sending;
* changed: an offset that was read once holds the same record for ever, and is never gone.
"""

import threading
import time

import confluent_kafka as ck

PRODUCER_STRIDE = 1_000_000_000
WINDOW = 500


class Load:
    """Idempotent producers with acks=all that run until `stop`, over any number of restarts."""

    def __init__(self, bootstrap, topic, partitions, producers=3, compression="none", value_bytes=0):
        self.bootstrap, self.topic, self.partitions = bootstrap, topic, partitions
        self.padding = b" " * value_bytes
        self.acknowledged = {}
        self.errors = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._produce, args=(number, compression), daemon=True) for number in range(producers)
        ]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self, seconds=120):
        """Lets everything in flight be acknowledged and ends the producers."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            assert not thread.is_alive(), f"a producer could not finish within {seconds} s; errors: {self.errors[-3:]}"
        assert self.errors == [], f"{len(self.errors)} sends failed, first {self.errors[:3]}"

    def count(self):
        """How many records are acknowledged."""
        return len(self.acknowledged)

    def snapshot(self):
        """The acknowledged records now: {integer: (partition, offset)}."""
        with self._lock:
            return dict(self.acknowledged)

    def wait_for(self, more, seconds=60):
        """Waits until that many more records are acknowledged."""
        wanted, deadline = self.count() + more, time.monotonic() + seconds
        while self.count() < wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"no {more} acknowledgements within {seconds} s; errors: {self.errors[-3:]}")
            time.sleep(0.01)

    def _produce(self, number, compression):
        producer = ck.Producer({
            "bootstrap.servers": self.bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 2,
            "compression.type": compression, "message.timeout.ms": 0, "reconnect.backoff.max.ms": 200,
            "retry.backoff.ms": 50, "log_level": 0, "batch.num.messages": 20,
        })
        value = number * PRODUCER_STRIDE
        while not self._stopping.is_set():
            integer = value
            producer.produce(
                self.topic, value=b"%d%s" % (integer, self.padding), partition=integer % self.partitions,
                on_delivery=lambda error, message, integer=integer: self._report(integer, error, message),
            )
            value += 1
            producer.poll(0.0005)
            while len(producer) >= WINDOW and not self._stopping.is_set():
                producer.poll(0.01)
        producer.flush(120)

    def _report(self, integer, error, message):
        with self._lock:
            if error is not None:
                self.errors.append((integer, str(error)))
            else:
                self.acknowledged[integer] = (message.partition(), message.offset())


def _consumer(bootstrap, **more):
    return ck.Consumer({
        "bootstrap.servers": bootstrap, "group.id": "history", "enable.auto.commit": False, "log_level": 0,
        "auto.offset.reset": "error", "check.crcs": True, "reconnect.backoff.max.ms": 200,
        "fetch.wait.max.ms": 100, "enable.partition.eof": False, **more,
    })


class Reader:
    """A consumer that reads along, and remembers what it saw at which offset."""

    def __init__(self, bootstrap, topic, partitions):
        self.seen = {}
        self.violations = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(bootstrap, topic, partitions), daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._stopping.set()
        self._thread.join(30)

    def _read(self, bootstrap, topic, partitions):
        consumer = _consumer(bootstrap)
        consumer.assign([ck.TopicPartition(topic, p, 0) for p in range(partitions)])
        position = dict.fromkeys(range(partitions), 0)
        while not self._stopping.is_set():
            message = consumer.poll(0.2)
            if message is None:
                continue
            if message.error() is not None:
                if message.error().code() in (ck.KafkaError._AUTO_OFFSET_RESET, ck.KafkaError.OFFSET_OUT_OF_RANGE):
                    self.violations.append(f"a position that was read is out of range: {message.error()}")
                    return
                continue
            where, offset, value = message.partition(), message.offset(), int(message.value())
            if offset != position[where]:
                self.violations.append(f"partition {where}: offset {offset} came, {position[where]} was next")
            position[where] = offset + 1
            self.seen[(where, offset)] = value
        consumer.close()


def _ends(consumer, partition, seconds=30):
    """The first and the next offset; a broker that has just started may ask its clients to try again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return consumer.get_watermark_offsets(partition, timeout=10)
        except ck.KafkaException as error:
            if not error.args[0].retriable() and error.args[0].code() != ck.KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def read_everything(bootstrap, topic, partitions, seconds=60):
    """Reads so many partitions, or these, from their beginning to their end: {(partition, offset): integer}."""
    consumer = _consumer(bootstrap)
    ends = {}
    for partition in range(partitions) if isinstance(partitions, int) else partitions:
        low, high = _ends(consumer, ck.TopicPartition(topic, partition))
        assert low == 0, f"partition {partition} starts at {low}"
        ends[partition] = high
    consumer.assign([ck.TopicPartition(topic, partition, 0) for partition in ends])
    found, wanted, deadline = {}, sum(ends.values()), time.monotonic() + seconds
    while len(found) < wanted:
        assert time.monotonic() < deadline, f"read {len(found)} of {wanted} records within {seconds} s"
        for message in consumer.consume(1000, 0.2):
            if message.error() is not None:
                continue
            if message.offset() < ends[message.partition()]:
                found[(message.partition(), message.offset())] = int(message.value())
    consumer.close()
    return found


def check(everything, acknowledged, *seen_before):
    """Checks the promises on a full read; `seen_before` are earlier reads."""
    for before in seen_before:
        changed = {place: (value, everything.get(place)) for place, value in before.items() if everything.get(place) != value}
        assert not changed, f"{len(changed)} offsets that were read changed or are gone: {dict(list(changed.items())[:5])}"
    values = list(everything.values())
    present = set(values)
    lost = [integer for integer in acknowledged if integer not in present]
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged records are lost, first {sorted(lost)[:5]}"
    assert len(values) == len(present), f"{len(values) - len(present)} duplicates"
    elsewhere = {
        integer: place for integer, place in acknowledged.items() if place[1] >= 0 and everything.get(place) != integer
    }
    assert not elsewhere, f"acknowledged at other offsets than they are found: {dict(list(elsewhere.items())[:5])}"
    last = {}
    for (partition, _), integer in sorted(everything.items()):
        key = (partition, integer // PRODUCER_STRIDE)
        assert last.get(key, -1) < integer, f"partition {partition}: {integer} after {last[key]}"
        last[key] = integer


def recover(broker, load, topic, partitions, *seen_before):
    """Starts the broker again under the load; what was acknowledged until now must be there. Returns everything."""
    acknowledged = load.snapshot()
    broker.start()
    everything = read_everything(broker.bootstrap, topic, partitions)
    check(everything, acknowledged, *seen_before)
    return everything
