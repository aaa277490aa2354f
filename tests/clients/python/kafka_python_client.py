"""kafka-python."""

import base64
import time
from concurrent.futures import Future
from threading import Thread

import kafka
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.structs import OffsetAndMetadata, TopicPartition

from driver import LOAD_WINDOW, answer_step, emit, emit_record, input_ended, read_records, read_steps

COMMIT_SECONDS = 5


def _codec(options):
    name = options.get("compression", "none")
    return None if name == "none" else name


def _acks(options):
    acks = options.get("acks", "all")
    return acks if acks == "all" else int(acks)


def _producer(options, **more):
    return kafka.KafkaProducer(
        bootstrap_servers=options["bootstrap"], compression_type=_codec(options), acks=_acks(options),
        max_request_size=50 << 20, linger_ms=5,
        **{"enable_idempotence": bool(options.get("idempotent")), **more},
    )


def produce(options):
    producer = _producer(options, retries=5)
    futures = []
    for record in read_records():
        futures.append(producer.send(
            options["topic"], value=record["value"], key=record["key"], headers=record["headers"],
            partition=record["partition"], timestamp_ms=record["timestamp"],
        ))
    producer.flush(60)
    for i, future in enumerate(futures):
        try:
            done = future.get(30)
            emit(i=i, partition=done.partition, offset=done.offset)
        except kafka.errors.KafkaError as error:
            emit(i=i, error=repr(error))
    producer.close()


def _start(consumer, partition, start):
    if start == "beginning":
        consumer.seek_to_beginning(partition)
        return
    if start == "end":
        consumer.seek_to_end(partition)
        consumer.position(partition)
        return
    if "offset" in start:
        consumer.seek(partition, start["offset"])
        return
    found = consumer.offsets_for_times({partition: start["timestamp"]})[partition]
    consumer.seek(partition, found.offset)


def consume(options):
    consumer = kafka.KafkaConsumer(bootstrap_servers=options["bootstrap"], group_id=None, auto_offset_reset="none",
                                   fetch_max_bytes=64 << 20, max_partition_fetch_bytes=64 << 20,
                                   isolation_level=options.get("isolation", "read_uncommitted"))
    partition = TopicPartition(options["topic"], options.get("partition", 0))
    consumer.assign([partition])
    _start(consumer, partition, options.get("from", "beginning"))
    emit(event="ready")
    for seen, record in enumerate(consumer, 1):
        emit_record(record.partition, record.offset, record.timestamp, record.key, record.value,
                    record.headers, record.topic)
        if seen == options["count"]:
            break
    consumer.close()


class _Listener(kafka.ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        emit(event="assigned", partitions=[p.partition for p in assigned])

    def on_partitions_revoked(self, revoked):
        if revoked:
            emit(event="revoked", partitions=[p.partition for p in revoked])


def group(options):
    ended = input_ended()
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=options["bootstrap"], group_id=options["group"], auto_offset_reset="earliest",
        enable_auto_commit=False, group_instance_id=options.get("instance"), max_poll_records=100,
        session_timeout_ms=options.get("session_ms", 10_000), heartbeat_interval_ms=300, metadata_max_age_ms=5000,
    )
    consumer.subscribe(options["topics"], listener=_Listener())
    limit, seen = options.get("max", 0), 0
    while not ended.is_set() and (limit == 0 or seen < limit):
        # kafka-python 3.0.12 forgets a rejoin over new metadata for good if a poll ends while
        # the leader's SyncGroup is under way, so a poll must outlast the first joins.
        batches = consumer.poll(timeout_ms=2000, max_records=min(100, limit - seen) if limit else 100)
        for records in batches.values():
            for r in records:
                emit_record(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers, r.topic)
                seen += 1
        if batches:
            try:
                consumer.commit()
            except kafka.errors.KafkaError as error:
                emit(event="commit-failed", error=repr(error))
    consumer.close()
    emit(event="left")


def load(options):
    ended = input_ended()
    producer = _producer({**options, "idempotent": True}, retries=2**31 - 1)
    i, waiting = options.get("first", 0), []
    while not ended.is_set():
        number = i
        future = producer.send(options["topic"], value=str(number).encode(), partition=number % options["partitions"])
        future.add_callback(lambda done, number=number: emit(i=number, partition=done.partition, offset=done.offset))
        future.add_errback(lambda error, number=number: emit(i=number, error=repr(error)))
        waiting = [f for f in waiting if not f.is_done] + [future] if len(waiting) >= LOAD_WINDOW else waiting + [future]
        while len(waiting) >= LOAD_WINDOW and not ended.is_set():
            time.sleep(0.005)
            waiting = [f for f in waiting if not f.is_done]
        i += 1
        time.sleep(0.001)
    producer.flush(60)
    producer.close()


def _call_into(future, function):
    try:
        future.set_result(function())
    except Exception as error:  # noqa: BLE001: it is raised where the future is asked
        future.set_exception(error)


class _Transactions:
    """One transactional producer, and the reader whose records it transforms."""

    def __init__(self, options):
        self.options = options
        self.consumer = None
        self.producer = _producer(options, enable_idempotence=True, transactional_id=options["id"],
                                  transaction_timeout_ms=options.get("timeout_ms", 60_000))
        self.producer.init_transactions()

    def step(self, do, **more):
        steps = {"begin": self.producer.begin_transaction, "send": self.send, "transform": self.transform,
                 "commit": self.commit, "abort": self.producer.abort_transaction}
        steps[do](**more)

    def commit(self):
        # kafka-python 3.0.12 loses an EndTxn whose connection could not be made, and would wait for ever.
        done = Future()
        Thread(target=_call_into, args=(done, self.producer.commit_transaction), daemon=True).start()
        done.result(COMMIT_SECONDS)

    def send(self, topic, partition, values):
        futures = [self.producer.send(topic, value=base64.b64decode(v), partition=partition) for v in values]
        self.producer.flush(60)
        for future in futures:
            future.get(60)

    def transform(self, topic, partition, count):
        if self.consumer is None:
            self.consumer = kafka.KafkaConsumer(
                self.options["source"], bootstrap_servers=self.options["bootstrap"], group_id=self.options["group"],
                auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed",
                heartbeat_interval_ms=300, session_timeout_ms=self.options.get("session_ms", 10_000),
            )
        read, ends = [], {}
        while len(read) < count:
            for at, records in self.consumer.poll(timeout_ms=2000, max_records=count - len(read)).items():
                read += records
                ends[at] = OffsetAndMetadata(records[-1].offset + 1, "", -1)
        self.send(topic, partition, [base64.b64encode(b"of " + record.value) for record in read])
        self.producer.send_offsets_to_transaction(ends, self.consumer.group_metadata())


def transact(options):
    transactions = _Transactions(options)
    emit(event="ready")
    for number, step in read_steps():
        answer_step(number, lambda step=step: transactions.step(**step))
    if transactions.consumer is not None:
        transactions.consumer.close()


def admin(options):
    client = kafka.KafkaAdminClient(bootstrap_servers=options["bootstrap"])
    try:
        emit(**_operation(client, options))
    except kafka.errors.KafkaError as error:
        emit(error=repr(error))
    finally:
        client.close()


def _operation(client, options):
    op, topic = options["op"], options.get("topic")
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, options.get("configs"))
    if op == "create-topic":
        client.create_topics([NewTopic(topic, options["partitions"], 1, topic_configs=options.get("configs", {}))])
    elif op == "delete-topic":
        client.delete_topics([topic])
    elif op == "list-topics":
        return {"topics": list(client.list_topics())}
    elif op == "describe-topic":
        described = client.describe_topics([topic])[0]
        if described.get("error_code"):
            raise kafka.errors.for_code(described["error_code"])()
        return {"partitions": len(described["partitions"])}
    elif op == "create-partitions":
        client.create_partitions({topic: NewPartitions(options["partitions"])})
    elif op == "alter-config":
        client.alter_configs([resource])
    elif op == "describe-config":
        described = client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        entries = next(iter(described.values()))[topic]
        return {"configs": {key: entry["value"] for key, entry in entries.items()}}
    elif op == "delete-records":
        done = client.delete_records({TopicPartition(topic, options["partition"]): options["offset"]})
        return {"low_watermark": next(iter(done.values()))["low_watermark"]}
    elif op == "list-groups":
        return {"groups": [group["group_id"] for group in client.list_groups()]}
    elif op == "describe-group":
        one = client.describe_groups([options["group"]])[options["group"]]
        return {"state": one["group_state"], "members": len(one["members"])}
    elif op == "delete-group":
        client.delete_groups([options["group"]])
    else:
        return {"unsupported": op}
    return {}
