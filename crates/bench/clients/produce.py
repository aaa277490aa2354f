"""An idempotent producer of librdkafka with its default settings but for lz4.

    produce.py BOOTSTRAP TOPIC VALUE_BYTES SECONDS

It sends values of 1 KiB, of which lz4 leaves about half, until so many bytes or seconds have gone,
prints `begin` before the first, and at the end one line of JSON.
"""

import json
import random
import sys
import time

from confluent_kafka import Producer

VALUE_BYTES = 1 << 10
# More than the window in which lz4 looks for repetitions holds.
VALUES = 1 << 10


def main():
    bootstrap, topic, value_bytes, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    chance, half = random.Random(7), VALUE_BYTES // 2
    values = [chance.randbytes(half) + b"highwater " * (half // 10) + b"." * (half % 10) for _ in range(VALUES)]
    refused = []
    producer = Producer({
        "bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": "lz4",
        "delivery.report.only.error": True, "on_delivery": lambda error, _: refused.append(str(error)),
    })
    # Metadata and the producer id are asked for before the clock starts.
    producer.list_topics(topic, 30)
    print("begin", flush=True)
    began, cpu_began, sent = time.monotonic(), time.process_time(), 0
    end = began + seconds
    while sent * VALUE_BYTES < value_bytes and time.monotonic() < end:
        for value in values:
            while True:
                try:
                    producer.produce(topic, value)
                    break
                except BufferError:
                    producer.poll(0.1)
        sent += len(values)
        producer.poll(0)
    left = producer.flush(120)
    if refused or left:
        sys.exit(f"{len(refused)} records were refused, {left} not answered; {refused[:1]}")
    print(json.dumps({
        "bytes": sent * VALUE_BYTES, "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time() - cpu_began,
    }), flush=True)


main()
