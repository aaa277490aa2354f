"""aiokafka."""

import asyncio
import base64
import logging

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError, for_code
from aiokafka.structs import TopicPartition

from driver import LOAD_WINDOW, emit, emit_record, input_ended, read_records, read_steps

logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def _producer(options):
    name = options.get("compression", "none")
    acks = options.get("acks", "all")
    return aiokafka.AIOKafkaProducer(
        bootstrap_servers=options["bootstrap"], compression_type=None if name == "none" else name,
        acks=acks if acks == "all" else int(acks), enable_idempotence=bool(options.get("idempotent")),
        max_request_size=50 << 20, linger_ms=5,
    )


def _report(index):
    def callback(future):
        if future.cancelled() or future.exception() is not None:
            emit(i=index, error="cancelled" if future.cancelled() else repr(future.exception()))
        else:
            done = future.result()
            # With acks=0 there is nothing to report.
            emit(i=index, partition=done.partition if done else -1, offset=done.offset if done else -1)
    return callback


async def _produce(options):
    async with _producer(options) as producer:
        futures = []
        for i, record in enumerate(read_records()):
            future = await producer.send(
                options["topic"], value=record["value"], key=record["key"], headers=record["headers"],
                partition=record["partition"], timestamp_ms=record["timestamp"],
            )
            future.add_done_callback(_report(i))
            futures.append(future)
        await asyncio.wait(futures)


async def _load(options):
    ended = input_ended()
    producer = _producer({**options, "idempotent": True})
    await producer.start()
    i, waiting = options.get("first", 0), set()
    while not ended.is_set():
        future = await producer.send(options["topic"], value=str(i).encode(), partition=i % options["partitions"])
        future.add_done_callback(_report(i))
        waiting.add(future)
        future.add_done_callback(waiting.discard)
        i += 1
        while len(waiting) >= LOAD_WINDOW and not ended.is_set():
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.001)
    if waiting:
        await asyncio.wait(set(waiting), timeout=60)
    await producer.stop()


def _emit(r):
    emit_record(r.partition, r.offset, r.timestamp, r.key, r.value, r.headers, r.topic)


async def _consume(options):
    start, partition = options.get("from", "beginning"), TopicPartition(options["topic"], options.get("partition", 0))
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=options["bootstrap"], enable_auto_commit=False,
                                         fetch_max_bytes=64 << 20, max_partition_fetch_bytes=64 << 20,
                                         isolation_level=options.get("isolation", "read_uncommitted"))
    consumer.assign([partition])
    async with consumer:
        if start == "beginning":
            await consumer.seek_to_beginning(partition)
        elif start == "end":
            await consumer.seek_to_end(partition)
        elif "offset" in start:
            consumer.seek(partition, start["offset"])
        else:
            found = await consumer.offsets_for_times({partition: start["timestamp"]})
            consumer.seek(partition, found[partition].offset)
        await consumer.position(partition)
        emit(event="ready")
        for _ in range(options["count"]):
            _emit(await consumer.getone())


class _Listener(aiokafka.ConsumerRebalanceListener):
    async def on_partitions_assigned(self, assigned):
        emit(event="assigned", partitions=[p.partition for p in assigned])

    async def on_partitions_revoked(self, revoked):
        if revoked:
            emit(event="revoked", partitions=[p.partition for p in revoked])


async def _group(options):
    ended = input_ended()
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=options["bootstrap"], group_id=options["group"], auto_offset_reset="earliest",
        enable_auto_commit=False, group_instance_id=options.get("instance"), metadata_max_age_ms=5000,
        session_timeout_ms=options.get("session_ms", 10_000), heartbeat_interval_ms=300,
    )
    consumer.subscribe(options["topics"], listener=_Listener())
    await consumer.start()
    limit, seen = options.get("max", 0), 0
    while not ended.is_set() and (limit == 0 or seen < limit):
        batches = await consumer.getmany(timeout_ms=200, max_records=min(100, limit - seen) if limit else 100)
        ends = {}
        for partition, records in batches.items():
            for record in records:
                _emit(record)
                seen += 1
                ends[partition] = record.offset + 1
        if ends:
            try:
                await consumer.commit(ends)
            except KafkaError as error:
                emit(event="commit-failed", error=repr(error))
    await consumer.stop()
    emit(event="left")


class _Transactions:
    """One transactional producer, and the reader whose records it transforms."""

    def __init__(self, options):
        self.options = options
        self.consumer = None
        self.producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=options["bootstrap"], transactional_id=options["id"],
            transaction_timeout_ms=options.get("timeout_ms", 60_000),
        )

    async def step(self, do, **more):
        steps = {"begin": self.producer.begin_transaction, "send": self.send, "transform": self.transform,
                 "commit": self.producer.commit_transaction, "abort": self.producer.abort_transaction}
        await steps[do](**more)

    async def send(self, topic, partition, values):
        futures = [await self.producer.send(topic, value=base64.b64decode(v), partition=partition) for v in values]
        await asyncio.gather(*futures)

    async def transform(self, topic, partition, count):
        if self.consumer is None:
            self.consumer = aiokafka.AIOKafkaConsumer(
                self.options["source"], bootstrap_servers=self.options["bootstrap"], group_id=self.options["group"],
                auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed",
                heartbeat_interval_ms=300, session_timeout_ms=self.options.get("session_ms", 10_000),
            )
            await self.consumer.start()
        read = [await self.consumer.getone() for _ in range(count)]
        await self.send(topic, partition, [base64.b64encode(b"of " + record.value) for record in read])
        ends = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in read}
        await self.producer.send_offsets_to_transaction(ends, self.options["group"])


async def _transact(options):
    transactions = _Transactions(options)
    await transactions.producer.start()
    emit(event="ready")
    steps = read_steps()
    # Reading must not hold up the event loop, which sends heartbeats meanwhile.
    while (numbered := await asyncio.to_thread(next, steps, None)) is not None:
        number, step = numbered
        try:
            await transactions.step(**step)
            emit(step=number)
        except Exception as error:  # noqa: BLE001: whatever the library raises is what the test asked for
            emit(step=number, error=repr(error))
    if transactions.consumer is not None:
        await transactions.consumer.stop()


def transact(options):
    asyncio.run(_transact(options))


def produce(options):
    asyncio.run(_produce(options))


def load(options):
    asyncio.run(_load(options))


def consume(options):
    asyncio.run(_consume(options))


def group(options):
    asyncio.run(_group(options))


def admin(options):
    asyncio.run(_admin(options))


async def _admin(options):
    client = AIOKafkaAdminClient(bootstrap_servers=options["bootstrap"])
    await client.start()
    try:
        emit(**await _operation(client, options))
    except KafkaError as error:
        emit(error=repr(error))
    finally:
        await client.close()


def _raise_first(errors):
    for entry in errors:
        if entry[1] != 0:
            raise for_code(entry[1])(entry[2] if len(entry) > 2 else "")


async def _operation(client, options):
    op, topic = options["op"], options.get("topic")
    if op == "create-topic":
        new = NewTopic(topic, options["partitions"], 1, topic_configs=options.get("configs", {}))
        _raise_first((await client.create_topics([new])).topic_errors)
    elif op == "delete-topic":
        _raise_first((await client.delete_topics([topic])).topic_error_codes)
    elif op == "list-topics":
        return {"topics": await client.list_topics()}
    elif op == "describe-topic":
        described = (await client.describe_topics([topic]))[0]
        if described["error_code"]:
            raise for_code(described["error_code"])
        return {"partitions": len(described["partitions"])}
    elif op == "create-partitions":
        _raise_first((await client.create_partitions({topic: NewPartitions(options["partitions"])})).topic_errors)
    elif op == "alter-config":
        answers = await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, options["configs"])])
        _raise_first([(0, r[0], r[1]) for answer in answers for r in answer.resources])
    elif op == "describe-config":
        answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {"configs": {entry[0]: entry[1] for answer in answers for r in answer.resources for entry in r[4]}}
    elif op == "delete-records":
        partition = TopicPartition(topic, options["partition"])
        done = await client.delete_records({partition: RecordsToDelete(before_offset=options["offset"])})
        return {"low_watermark": done[partition]}
    elif op == "list-groups":
        return {"groups": [g[0] for g in await client.list_consumer_groups()]}
    elif op == "describe-group":
        answers = await client.describe_consumer_groups([options["group"]])
        one = answers[0].groups[0]
        _raise_first([(one[1], one[0])])
        return {"state": one[2], "members": len(one[5])}
    else:
        return {"unsupported": op}
    return {}
