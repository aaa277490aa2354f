"""Apache Kafka itself, one node of it, from the jars that the Java clients are built with."""

import shutil
import signal
import socket
import subprocess
import time

from . import build
from .ports import free_ports

START_SECONDS = 90
STOP_SECONDS = 60


class KafkaFailed(AssertionError):
    """Kafka did not start or stop."""


def missing():
    """Why Kafka cannot be run here, or None."""
    return None if shutil.which("java") and shutil.which("mvn") else "Java and Maven are not installed"


class Kafka:
    """A combined broker and controller. Its data survive `stop`, `kill` and `start`."""

    def __init__(self, directory, node_id=1, settings=None):
        self.directory = directory
        self.data = directory / "data"
        self.process = None
        port, controller_port = free_ports(2)
        self.port = port
        self.bootstrap = f"127.0.0.1:{port}"
        values = {
            "process.roles": "broker,controller",
            "node.id": node_id,
            "controller.quorum.voters": f"{node_id}@127.0.0.1:{controller_port}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self.data,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 5,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 2,
            "group.initial.rebalance.delay.ms": 0,
            **(settings or {}),
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "server.properties"
        self.config.write_text("".join(f"{key}={value}\n" for key, value in values.items()))

    def _java(self, heap, name):
        return ["java", f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", build.java_class_path(), name]

    def format(self):
        """Prepares the directory of a new cluster."""
        done = subprocess.run(
            [*self._java("256m", "kafka.tools.StorageTool"), "format", "-t", "excanVSoREio7yq_nZcvsg", "-c", str(self.config)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_SECONDS,
        )
        if done.returncode != 0:
            raise KafkaFailed(done.stdout)

    def start(self):
        """Starts it, and waits until it takes connections."""
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*self._java("512m", "kafka.Kafka"), str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise KafkaFailed((self.directory / "log").read_text()[-3000:])
            time.sleep(0.05)

    def _answers(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def stop(self):
        """A clean stop."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)

    def kill(self):
        """kill -9, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
