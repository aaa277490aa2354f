"""confluent-kafka, which is librdkafka."""

import base64

import confluent_kafka as ck
from confluent_kafka import admin as ck_admin

from driver import LOAD_WINDOW, answer_step, emit, emit_record, input_ended, read_records, read_steps


def _producer(options, **more):
    settings = {
        "bootstrap.servers": options["bootstrap"], "compression.type": options.get("compression", "none"),
        "acks": options.get("acks", "all"), "enable.idempotence": bool(options.get("idempotent")),
        "linger.ms": 5, "message.max.bytes": 50 << 20, "queue.buffering.max.kbytes": 1 << 20,
        "message.timeout.ms": 60_000, "log_level": 0, **more,
    }
    return ck.Producer(settings)


def _report(index):
    def callback(error, message):
        if error is not None:
            emit(i=index, error=str(error))
        else:
            emit(i=index, partition=message.partition(), offset=message.offset())
    return callback


def produce(options):
    producer = _producer(options)
    for i, record in enumerate(read_records()):
        producer.produce(
            options["topic"], value=record["value"], key=record["key"], headers=record["headers"],
            partition=record["partition"], timestamp=record["timestamp"] or 0, on_delivery=_report(i),
        )
    producer.flush(60)


def _emit(message):
    emit_record(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(),
                message.headers(), message.topic())


def _check(message):
    if message.error() is not None and message.error().fatal():
        raise SystemExit(str(message.error()))
    return message.error() is None


def consume(options):
    consumer = ck.Consumer({
        "bootstrap.servers": options["bootstrap"], "group.id": "unused", "enable.auto.commit": False,
        "auto.offset.reset": "error", "message.max.bytes": 64 << 20, "fetch.message.max.bytes": 64 << 20,
        "fetch.max.bytes": 128 << 20, "receive.message.max.bytes": 256 << 20, "log_level": 0,
        "isolation.level": options.get("isolation", "read_uncommitted"),
    })
    start, topic, partition = options.get("from", "beginning"), options["topic"], options.get("partition", 0)
    if start == "beginning":
        offset = ck.OFFSET_BEGINNING
    elif start == "end":
        offset = consumer.get_watermark_offsets(ck.TopicPartition(topic, partition), timeout=20)[1]
    elif "offset" in start:
        offset = start["offset"]
    else:
        offset = consumer.offsets_for_times([ck.TopicPartition(topic, partition, start["timestamp"])], 20)[0].offset
    consumer.assign([ck.TopicPartition(topic, partition, offset)])
    emit(event="ready")
    seen = 0
    while seen < options["count"]:
        message = consumer.poll(1)
        if message is not None and _check(message):
            _emit(message)
            seen += 1
    consumer.close()


def group(options):
    ended = input_ended()
    settings = {
        "bootstrap.servers": options["bootstrap"], "group.id": options["group"], "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "session.timeout.ms": options.get("session_ms", 10_000),
        "heartbeat.interval.ms": 300, "partition.assignment.strategy": options.get("assignor", "range"),
        "log_level": 0,
    }
    if options.get("instance"):
        settings["group.instance.id"] = options["instance"]
    consumer = ck.Consumer(settings)
    consumer.subscribe(
        options["topics"],
        on_assign=lambda _, p: emit(event="assigned", partitions=[x.partition for x in p]),
        on_revoke=lambda _, p: emit(event="revoked", partitions=[x.partition for x in p]),
    )
    limit, seen = options.get("max", 0), 0
    while not ended.is_set() and (limit == 0 or seen < limit):
        message = consumer.poll(0.2)
        if message is None or not _check(message):
            continue
        _emit(message)
        seen += 1
        try:
            consumer.commit(message, asynchronous=False)
        except ck.KafkaException as error:
            emit(event="commit-failed", error=str(error))
    consumer.close()
    emit(event="left")


def load(options):
    ended = input_ended()
    producer = _producer({**options, "idempotent": True}, **{"message.timeout.ms": 0})
    i = options.get("first", 0)
    while not ended.is_set():
        producer.produce(options["topic"], value=str(i).encode(), partition=i % options["partitions"], on_delivery=_report(i))
        i += 1
        producer.poll(0.001)
        while len(producer) >= LOAD_WINDOW and not ended.is_set():
            producer.poll(0.01)
    producer.flush(60)


class _Transactions:
    """One transactional producer, and the reader whose records it transforms."""

    def __init__(self, options):
        self.options = options
        self.consumer = None
        self.producer = _producer(options, **{
            "enable.idempotence": True, "transactional.id": options["id"],
            "transaction.timeout.ms": options.get("timeout_ms", 60_000),
            "message.timeout.ms": options.get("timeout_ms", 60_000), "reconnect.backoff.max.ms": 500,
        })
        self.producer.init_transactions(60)

    def step(self, do, **more):
        return {"begin": self.producer.begin_transaction, "send": self.send, "transform": self.transform,
                "commit": self.commit, "abort": self.abort}[do](**more)

    def send(self, topic, partition, values):
        values, failed = [base64.b64decode(value) for value in values], []
        for value in values:
            self.producer.produce(topic, value=value, partition=partition,
                                  on_delivery=lambda error, _: error and failed.append(error))
        self.producer.flush(60)
        if failed:
            raise ck.KafkaException(failed[0])

    def transform(self, topic, partition, count):
        if self.consumer is None:
            self.consumer = ck.Consumer({
                "bootstrap.servers": self.options["bootstrap"], "group.id": self.options["group"],
                "enable.auto.commit": False, "auto.offset.reset": "earliest", "log_level": 0,
                "isolation.level": "read_committed", "heartbeat.interval.ms": 300,
                "session.timeout.ms": self.options.get("session_ms", 10_000),
                "reconnect.backoff.max.ms": 500,
            })
            self.consumer.subscribe([self.options["source"]])
        read = []
        while len(read) < count:
            message = self.consumer.poll(1)
            if message is not None and _check(message):
                read.append(message)
        self.send(topic, partition, [base64.b64encode(b"of " + message.value()) for message in read])
        positions = self.consumer.position(self.consumer.assignment())
        self.producer.send_offsets_to_transaction(
            [p for p in positions if p.offset >= 0], self.consumer.consumer_group_metadata(), 60)

    def commit(self):
        self.producer.commit_transaction(60)

    def abort(self):
        self.producer.abort_transaction(60)


def transact(options):
    transactions = _Transactions(options)
    emit(event="ready")
    for number, step in read_steps():
        answer_step(number, lambda step=step: transactions.step(**step))
    if transactions.consumer is not None:
        transactions.consumer.close()


def admin(options):
    client = ck_admin.AdminClient({"bootstrap.servers": options["bootstrap"], "log_level": 0})
    try:
        emit(**_operation(client, options))
    except ck.KafkaException as error:
        emit(error=str(error))


def _only(futures):
    return next(iter(futures.values())).result(30)


def _operation(client, options):
    op, topic = options["op"], options.get("topic")
    resource = ck_admin.ConfigResource(ck_admin.ResourceType.TOPIC, topic or "none")
    if op == "create-topic":
        new = ck_admin.NewTopic(topic, options["partitions"], 1, config=options.get("configs", {}))
        _only(client.create_topics([new]))
    elif op == "delete-topic":
        _only(client.delete_topics([topic]))
    elif op == "list-topics":
        return {"topics": list(client.list_topics(timeout=20).topics)}
    elif op == "describe-topic":
        described = _only(client.describe_topics(ck.TopicCollection([topic])))
        return {"partitions": len(described.partitions)}
    elif op == "create-partitions":
        _only(client.create_partitions([ck_admin.NewPartitions(topic, options["partitions"])]))
    elif op == "alter-config":
        for key, value in options["configs"].items():
            resource.add_incremental_config(
                ck_admin.ConfigEntry(key, value, incremental_operation=ck_admin.AlterConfigOpType.SET))
        _only(client.incremental_alter_configs([resource]))
    elif op == "describe-config":
        return {"configs": {k: v.value for k, v in _only(client.describe_configs([resource])).items()}}
    elif op == "delete-records":
        done = _only(client.delete_records([ck.TopicPartition(topic, options["partition"], options["offset"])]))
        return {"low_watermark": done.low_watermark}
    elif op == "list-groups":
        return {"groups": [g.group_id for g in client.list_consumer_groups().result(30).valid]}
    elif op == "describe-group":
        described = _only(client.describe_consumer_groups([options["group"]]))
        return {"state": described.state.name.title(), "members": len(described.members)}
    elif op == "delete-group":
        _only(client.delete_consumer_groups([options["group"]]))
    else:
        return {"unsupported": op}
    return {}
