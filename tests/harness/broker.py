"""One broker process of a test: its ports, its data, its log, and its ends, clean or not."""

import http.client
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = float(os.environ.get("HIGHWATER_TEST_START_SECONDS", "30"))
STOP_SECONDS = float(os.environ.get("HIGHWATER_TEST_STOP_SECONDS", "30"))
SUSPICIOUS = re.compile(r"\b(WARN|ERROR)\b|panicked at|\"level\":\"(WARN|ERROR)\"")
# What no test may excuse.
FAULT = re.compile(r"panicked|a fault in the program")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def find_binary():
    """The broker's program: HIGHWATER_BIN, else the newer of the release and debug builds."""
    named = os.environ.get("HIGHWATER_BIN")
    if named:
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / kind / "highwater" for kind in ("release", "debug")]
    built = [path for path in built if path.exists()]
    return max(built, key=lambda path: path.stat().st_mtime) if built else None


class BrokerFailed(AssertionError):
    """The broker did not start, stop, or stay alive as it must."""


class Broker:
    """A broker that the test owns. Ports and data survive `stop`, `kill` and `start`."""

    def __init__(self, directory, settings=None, data=None):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port, self.admin_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.data = Path(data or self.directory / "data")
        self.log_path = self.directory / "broker.log"
        self.process = None
        self.environment = {}
        self.settings = {
            "listeners": f"PLAINTEXT://{self.bootstrap}",
            "log.dirs": str(self.data),
            "admin.listener": f"127.0.0.1:{self.admin_port}",
            "num.partitions": "4",
            "group.initial.rebalance.delay.ms": "0",
            **(settings or {}),
        }

    def start(self, wait=True):
        """Starts the process and returns the seconds until it was ready."""
        binary = find_binary()
        if binary is None:
            raise BrokerFailed("no highwater binary: run cargo build --release, or set HIGHWATER_BIN")
        command = [str(binary), "broker"]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env={**os.environ, **self.environment}, start_new_session=True,
            )
        if wait:
            self.wait_ready()
        return time.monotonic() - began

    def wait_ready(self, seconds=START_SECONDS):
        """Waits until /health/ready answers 200."""
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.process.poll() is not None:
                raise BrokerFailed(f"the broker ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise BrokerFailed(f"the broker was not ready within {seconds} s:\n{self.log_tail()}")
            time.sleep(0.02)

    def is_ready(self):
        """Whether the readiness probe answers 200 now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def metrics(self):
        """The text of /metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def is_alive(self):
        """Whether the process still runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """A clean stop: SIGTERM must end the process with exit code 0 in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise BrokerFailed(f"the broker did not stop within {STOP_SECONDS} s of SIGTERM:\n{self.log_tail()}")
        if code != 0:
            raise BrokerFailed(f"the broker ended with {code} after SIGTERM:\n{self.log_tail()}")

    def pause(self):
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        """kill -9, for the whole process group."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def rss_bytes(self, field="VmRSS"):
        """Resident memory now (VmRSS) or at its highest (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status).group(1)) * 1024

    def reset_peak_rss(self):
        """Makes VmHWM start again from the present size."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def descriptors(self):
        """How many files and sockets the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log_size(self):
        """Where the log ends now, to look later at what was added."""
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def log_text(self, since=0):
        """The log from byte `since` on, without colours."""
        if not self.log_path.exists():
            return ""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            return COLOUR.sub("", log.read().decode(errors="replace"))

    def log_tail(self):
        """The last lines, for an error message."""
        return "\n".join(self.log_text().splitlines()[-30:])

    def suspicious_lines(self, allowed, since=0):
        """WARN and ERROR lines that no allowed pattern matches, and all that tell of a panic."""
        return [
            line for line in self.log_text(since).splitlines()
            if FAULT.search(line)
            or (SUSPICIOUS.search(line) and not any(re.search(pattern, line) for pattern in allowed))
        ]
