"""Captures one batch per client and codec, as it goes over the wire.

    pip install kafka-python confluent-kafka lz4 python-snappy zstandard
    python capture.py [PRODUCERS]

A mock broker inside librdkafka stores what a producer sends and a raw fetch reads it back.
PRODUCERS is the program built from producers.go; Batches.java does the same for Java.
"""

import pathlib
import socket
import struct
import subprocess
import sys

from confluent_kafka import Producer
from kafka.record import MemoryRecordsBuilder

HERE = pathlib.Path(__file__).parent
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
VALUE = b"golden " * 2000
HEADERS = [("h", b"1"), ("h", b"2"), ("empty", b"")]
RECORDS = [(b"key", VALUE, HEADERS), (b"tombstone", None, []), (None, b"", [])]


def fetch(address, topic):
    """The raw record bytes of partition 0, from offset 0, by Fetch version 4."""
    name = topic.encode()
    body = struct.pack(">iiiib", -1, 1000, 1, 1 << 24, 0)
    body += struct.pack(">i", 1) + struct.pack(">h", len(name)) + name
    body += struct.pack(">iiqi", 1, 0, 0, 1 << 24)
    head = struct.pack(">hhih", 1, 4, 7, 1) + b"c"
    with socket.create_connection(address) as sock:
        sock.sendall(struct.pack(">i", len(head + body)) + head + body)
        stream = sock.makefile("rb")
        (size,) = struct.unpack(">i", stream.read(4))
        answer = stream.read(size)
    at = 4 + 4 + 4 + 2 + len(name) + 4
    _, error, _, _, aborted = struct.unpack_from(">ihqqi", answer, at)
    assert error == 0, error
    at += 26 + 16 * max(aborted, 0)
    (length,) = struct.unpack_from(">i", answer, at)
    return answer[at + 4 : at + 4 + length]


def main():
    mock = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "x"})
    broker = next(iter(mock.list_topics(timeout=10).brokers.values()))
    address = (broker.host, broker.port)
    servers = f"{broker.host}:{broker.port}"
    for codec in CODECS:
        topic = f"librdkafka-{codec}"
        producer = Producer({
            "bootstrap.servers": servers,
            "compression.type": codec,
            "linger.ms": 500,
            "enable.idempotence": True,
        })
        for key, value, headers in RECORDS:
            producer.produce(topic, value, key, headers=headers, partition=0)
        assert producer.flush(10) == 0
        (HERE / f"{topic}.batch").write_bytes(fetch(address, topic))

        (HERE / f"kafka-python-{codec}.batch").write_bytes(kafka_python(codec))
    if len(sys.argv) > 1:
        go(servers, address, sys.argv[1])


def go(servers, address, program):
    """The batches of the Go clients, which expect their topics to exist."""
    topics = [f"{client}-{codec}" for client in ("sarama", "segmentio") for codec in CODECS]
    creator = Producer({"bootstrap.servers": servers, "allow.auto.create.topics": True})
    for topic in topics:
        creator.list_topics(topic, timeout=10)
    subprocess.run([program, servers], check=True, timeout=60)
    for topic in topics:
        (HERE / f"{topic}.batch").write_bytes(fetch(address, topic))


def kafka_python(codec):
    """The batch that kafka-python's own builder makes; it does not talk to the mock broker."""
    builder = MemoryRecordsBuilder(2, CODECS.index(codec), 1 << 20)
    for key, value, headers in RECORDS:
        builder.append(timestamp=1_700_000_000_000, key=key, value=value, headers=headers)
    builder.close()
    return bytes(builder.buffer())


main()
