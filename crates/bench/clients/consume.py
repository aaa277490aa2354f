"""A consumer of a Python library with its default settings, which reads all partitions of a topic.

    consume.py kafka-python|confluent-kafka BOOTSTRAP TOPIC PARTITIONS VALUE_BYTES SECONDS

It reads from the beginning until so many bytes of values or seconds have gone, prints `begin`
before it asks for the first, and at the end one line of JSON.
"""

import json
import sys
import time

# For how long nothing may come before it is given up.
PATIENCE_SECONDS = 60


def kafka_python(bootstrap, topic, partitions):
    """Yields the bytes of values that each poll brings."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    consumer.assign([TopicPartition(topic, index) for index in range(partitions)])
    consumer.seek_to_beginning()
    yield 0
    while True:
        found = consumer.poll(timeout_ms=1000)
        yield sum(len(record.value) for records in found.values() for record in records)


def confluent_kafka(bootstrap, topic, partitions):
    """The same, for librdkafka, which wants a group even where it is not used."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, index, OFFSET_BEGINNING) for index in range(partitions)])
    yield 0
    while True:
        found = consumer.consume(1000, 1)
        for message in found:
            if message.error() is not None:
                sys.exit(str(message.error()))
        yield sum(len(message.value()) for message in found)


def main():
    client, bootstrap, topic, partitions, value_bytes, seconds = sys.argv[1:]
    partitions, value_bytes, seconds = int(partitions), int(value_bytes), float(seconds)
    polls = {"kafka-python": kafka_python, "confluent-kafka": confluent_kafka}[client](bootstrap, topic, partitions)
    next(polls)
    print("begin", flush=True)
    began, cpu_began, seen = time.monotonic(), time.process_time(), 0
    last = began
    while seen < value_bytes and time.monotonic() < began + seconds:
        came = next(polls)
        now = time.monotonic()
        if came:
            seen, last = seen + came, now
        elif now > last + PATIENCE_SECONDS:
            sys.exit(f"nothing came for {PATIENCE_SECONDS} s after {seen} bytes")
    print(json.dumps({
        "bytes": seen, "seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - cpu_began,
    }), flush=True)


main()
