"""The clients under test and what each of them cannot do.

A feature that is missing here is one that the library does not offer (its
documentation says so), never one that the broker fails to serve.

`abort_after_failed_commit` is missing where a commit that failed, because its
connection was lost, leaves a producer that can do nothing more: kafkajs then
takes the transaction for ended, and kafka-python 3.0.12 forgets to send the
request again and waits for its answer for ever.
"""

import os
import sys

from . import build
from .driver import Driver

ALL_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def _python():
    return [sys.executable, str(build.CLIENTS / "python" / "driver.py")]


def _java():
    return ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", build.java_class_path(), "Driver"]


def _go():
    return [str(build.go_driver())]


def _node():
    os.environ["NODE_PATH"] = os.pathsep.join(map(str, (build.node_modules(), build.node_codecs())))
    os.environ["KAFKAJS_NO_PARTITIONER_WARNING"] = "1"
    return ["node", str(build.CLIENTS / "node" / "driver.js")]


DRIVERS = [
    Driver("kafka-python", _python, codecs=ALL_CODECS, abort_after_failed_commit=False),
    Driver("confluent-kafka", _python, codecs=ALL_CODECS),
    Driver("aiokafka", _python, codecs=ALL_CODECS),
    Driver("java", _java, codecs=ALL_CODECS),
    Driver("franz-go", _go, codecs=ALL_CODECS),
    Driver("sarama", _go, codecs=ALL_CODECS),
    Driver("segmentio", _go, codecs=ALL_CODECS, idempotent=False, static=False,
           rebalance_events=False, transactions=False),
    Driver("kafkajs", _node, codecs=ALL_CODECS, static=False, abort_after_failed_commit=False),
    Driver("confluent-javascript", _node, codecs=ALL_CODECS, unusable=build.native_node_failure),
]


def driver(name):
    """The driver of that name."""
    return next(d for d in DRIVERS if d.name == name)
