"""Client drivers: one small program per client library, all with one command line.

    driver CLIENT COMMAND OPTIONS_JSON

It prints JSON lines, so that every test is written once in Python and runs with
every client. `tests/README.md` describes the commands. Keys, values and header
values travel as base64, because they are bytes.
"""

import base64
import json
import queue
import subprocess
import tempfile
import threading
import time


def to_wire(data):
    """Bytes or None, as the drivers read and print them."""
    return None if data is None else base64.b64encode(data).decode()


def from_wire(text):
    """The bytes behind what a driver printed."""
    return None if text is None else base64.b64decode(text)


class DriverFailed(AssertionError):
    """A driver ended with an error or did not do what was waited for."""


class Running:
    """A driver that is running: its lines so far, and ways to end it."""

    def __init__(self, name, command):
        self.name = name
        self.events = []
        self._lines = queue.Queue()
        self._errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self.process.stdout:
                # A driver that was killed leaves half a line behind.
                if line.startswith("{") and line.endswith("\n"):
                    self._lines.put(json.loads(line))
        finally:
            self._lines.put(None)

    def errors(self):
        """The end of what the driver printed to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-3000:]

    def poll(self):
        """Takes in what was printed meanwhile, without waiting."""
        while True:
            try:
                event = self._lines.get_nowait()
            except queue.Empty:
                return
            if event is not None:
                self.events.append(event)

    def wait_for(self, condition, seconds, what):
        """Reads events until `condition(self.events)` holds."""
        deadline = time.monotonic() + seconds
        while not condition(self.events):
            try:
                event = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                event = None
                ended = False
            else:
                ended = event is None
            if ended:
                raise DriverFailed(f"{self.name} ended while waiting for {what}:\n{self.errors()}")
            if event is None and time.monotonic() > deadline:
                raise DriverFailed(
                    f"{self.name}: waited {seconds} s for {what}; last events {self.events[-5:]}\n{self.errors()}"
                )
            if event is not None:
                self.events.append(event)

    def send(self, lines):
        """Writes JSON lines to the driver."""
        for line in lines:
            self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def finish(self, seconds=60):
        """Ends the driver's input, waits for its end, and returns all events."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                self.kill()
                raise DriverFailed(
                    f"{self.name} did not end within {seconds} s; last events {self.events[-5:]}\n{self.errors()}"
                ) from None
            if event is None:
                break
            self.events.append(event)
        if self.process.wait(20) != 0:
            raise DriverFailed(f"{self.name} ended with {self.process.returncode}:\n{self.errors()}")
        return self.events

    def kill(self):
        """kill -9: a client that crashes says no goodbye."""
        self.process.kill()
        self.process.wait()


class Driver:
    """One client library, with what it can do."""

    def __init__(self, name, prefix, unusable=None, **features):
        self.name = name
        self.prefix = prefix
        self.unusable = unusable or (lambda: None)
        self.features = features

    def __repr__(self):
        return self.name

    def can(self, feature):
        """Whether the library has the feature at all; tests skip with this as the reason."""
        return self.features.get(feature, True)

    def start(self, command, options):
        """Starts a command that runs until its input ends."""
        return Running(f"{self.name} {command}", [*self.prefix(), self.name, command, json.dumps(options)])

    def run(self, command, options, lines=(), seconds=60):
        """Runs a command to its end and returns what it printed."""
        running = self.start(command, options)
        try:
            if lines:
                running.send(lines)
        except BrokenPipeError:
            pass
        return running.finish(seconds)

    def admin(self, bootstrap, operation, seconds=60, **options):
        """One administrative call; returns its answer."""
        events = self.run("admin", {"bootstrap": bootstrap, "op": operation, **options}, seconds=seconds)
        assert len(events) == 1, f"{self.name} admin {operation} printed {events}"
        return events[0]
