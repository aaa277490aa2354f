"""A transactional client that runs in a process of its own, so that it can be killed at any moment.

    python -m harness.transaction_worker OPTIONS_JSON

It logs what it does as JSON lines, each before it does it, and each outcome after it; `transaction_history`
reads them. SIGTERM lets it end its transaction and leave. With a `source` topic it consumes, transforms and
produces; else it writes integers of its own. What is in `chaos` happens to so many of its transactions.
"""

import json
import os
import random
import signal
import sys
import threading
import time

import confluent_kafka as ck

OPERATIONS_MAX = 4
PAUSE_SECONDS_MAX = 0.08
INCARNATION_STRIDE = 10**7
WORKER_STRIDE = 10**11
# Shorter than what a killed client leaves open should last, longer than a restart of the broker takes.
TRANSACTION_TIMEOUT_MS = 8000
# librdkafka 2.16 forgets all brokers as soon as none answers, and a request that was to be tried again with them:
# send_offsets_to_transaction then never returns.
PATIENT = {"metadata.recovery.strategy": "none"}


def log(**event):
    """One write of one line, so that a kill leaves whole lines only."""
    os.write(1, (json.dumps({"at": time.monotonic(), **event}) + "\n").encode())


class Fatal(Exception):
    """This producer instance can do nothing more."""


class Worker:
    def __init__(self, options):
        self.options = options
        self.chance = random.Random(options["seed"])
        self.stopping = False
        self.count = 0
        self.next_value = options["worker"] * WORKER_STRIDE + options["incarnation"] * INCARNATION_STRIDE
        self.producer = ck.Producer({
            "bootstrap.servers": options["bootstrap"], "transactional.id": options["id"], "linger.ms": 1,
            "transaction.timeout.ms": options.get("timeout_ms", TRANSACTION_TIMEOUT_MS), "log_level": 0, **PATIENT,
            "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 50, "retry.backoff.max.ms": 200,
        })

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        try:
            self.until_done(lambda: self.producer.init_transactions(10))
            log(event="ready", incarnation=self.options["incarnation"])
            self.work()
        except Fatal as error:
            log(event="fatal", what=str(error))
            sys.exit(1)
        log(event="left")

    def stop(self):
        self.stopping = True

    def work(self):
        while not self.stopping:
            topics = self.options["topics"]
            operations = range(self.chance.randint(1, OPERATIONS_MAX))
            # Not faster than the transformers can follow.
            time.sleep(self.chance.random() * PAUSE_SECONDS_MAX)
            self.transaction([(self.chance.choice(topics), None) for _ in operations], lambda: None)

    def transaction(self, writes, send_offsets):
        """Runs one; returns whether it was committed."""
        self.count += 1
        name = f"{self.options['worker']}.{self.options['incarnation']}.{self.count}"
        fate = self.fate()
        log(event="begin", txn=name)
        try:
            self.producer.begin_transaction()
            for topic, source in writes:
                self.write(name, topic, source)
            send_offsets()
            if self.chance.random() < 0.5 or fate != "commit":
                self.producer.flush(10)
            if fate == "hold":
                log(event="held", incarnation=self.options["incarnation"])
                signal.pause()
            if fate == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if fate == "abort":
                return self.abort(name)
            if fate == "die in commit":
                threading.Timer(self.chance.random() * 0.01, os.kill, (os.getpid(), signal.SIGKILL)).start()
            log(event="commit", txn=name)
            self.until_done(lambda: self.producer.commit_transaction(10))
        except ck.KafkaException as error:
            return self.recover(name, error)
        log(event="committed", txn=name)
        return True

    def fate(self):
        at = self.chance.random()
        for fate, share in self.options["chaos"].items():
            at -= share
            if at < 0:
                return fate
        return "commit"

    def write(self, name, topic, source):
        value, partition = self.next_value, self.chance.randrange(self.options["partitions"])
        self.next_value += 1
        log(event="write", txn=name, value=value, topic=topic, partition=partition, source=source)

        def acknowledged(error, message):
            if error is None:
                log(event="ack", value=value, offset=message.offset())

        key = None if source is None else b"%d" % source
        self.producer.produce(topic, value=b"%d" % value, key=key, partition=partition, on_delivery=acknowledged)

    def recover(self, name, error):
        log(event="error", txn=name, what=str(error))
        if error.args[0].fatal():
            raise Fatal(str(error))
        self.abort(name)
        return False

    def abort(self, name):
        log(event="abort", txn=name)
        try:
            self.until_done(lambda: self.producer.abort_transaction(10))
        except ck.KafkaException as error:
            raise Fatal(f"cannot abort: {error}") from error
        log(event="aborted", txn=name)
        return False

    def until_done(self, call):
        """Repeats a call for as long as the library says that it may be repeated."""
        while True:
            try:
                return call()
            except ck.KafkaException as error:
                if not error.args[0].retriable() or error.args[0].txn_requires_abort():
                    if error.args[0].fatal():
                        raise Fatal(str(error)) from error
                    raise
                log(event="again", what=str(error))


class Transformer(Worker):
    """Consumes, transforms and produces: offsets are part of the transaction."""

    def work(self):
        self.rebalances = 0
        self.consumer = ck.Consumer({
            "bootstrap.servers": self.options["bootstrap"], "group.id": self.options["group"],
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "isolation.level": "read_committed",
            "session.timeout.ms": 1500, "heartbeat.interval.ms": 200, "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 50, "log_level": 0, **PATIENT,
        })
        self.consumer.subscribe(
            [self.options["source"]], on_assign=self.rebalanced, on_revoke=self.rebalanced, on_lost=self.rebalanced)
        while not self.stopping:
            self.transform()
        self.consumer.close()

    def rebalanced(self, *_):
        self.rebalances += 1

    def transform(self):
        # Taken before the first poll: after a rebalance in between the coordinator refuses it.
        metadata, rebalances = self.consumer.consumer_group_metadata(), self.rebalances
        messages, wanted = [], self.chance.randint(1, OPERATIONS_MAX)
        while len(messages) < wanted:
            message = self.consumer.poll(0.1)
            if message is None:
                break
            if message.error() is None:
                messages.append(message)
        if not messages:
            return
        next_offsets = {(m.topic(), m.partition()): m.offset() + 1 for m in messages}
        offsets = [ck.TopicPartition(topic, partition, at) for (topic, partition), at in next_offsets.items()]
        committed = rebalances == self.rebalances and self.transaction(
            [(self.chance.choice(self.options["topics"]), int(message.value())) for message in messages],
            lambda: self.until_done(lambda: self.producer.send_offsets_to_transaction(offsets, metadata, 10)))
        if not committed:
            self.rewind()

    def rewind(self):
        """Goes back to what is committed."""
        while not self.stopping:
            try:
                assigned = self.consumer.assignment()
                for at in self.consumer.committed(assigned, timeout=5) if assigned else []:
                    if at.error is not None:
                        raise ck.KafkaException(at.error)
                    self.consumer.seek(ck.TopicPartition(at.topic, at.partition, at.offset if at.offset >= 0 else 0))
                return
            except ck.KafkaException as error:
                log(event="again", what=f"rewind: {error}")
                # Serves what the group wants of its member; what it returns is read again.
                self.consumer.poll(0.05)


if __name__ == "__main__":
    chosen = json.loads(sys.argv[1])
    (Transformer if "source" in chosen else Worker)(chosen).run()
