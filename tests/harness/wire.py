"""Kafka's wire by hand: bytes that no client library would send.

Only what the attacks need: requests in old, plain versions and record batches field by field.
"""

import socket
import struct
import time
from dataclasses import dataclass, field

from aiokafka.record.util import calc_crc32c

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP = 8, 9, 10, 11
HEARTBEAT, LEAVE_GROUP, SYNC_GROUP, DESCRIBE_GROUPS, LIST_GROUPS = 12, 13, 14, 15, 16
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, DELETE_RECORDS, INIT_PRODUCER_ID = 18, 19, 20, 21, 22
OFFSET_FOR_LEADER_EPOCH, DESCRIBE_CONFIGS, ALTER_CONFIGS, CREATE_PARTITIONS = 23, 32, 33, 37
DELETE_GROUPS, INCREMENTAL_ALTER_CONFIGS = 42, 44

NONE, GZIP, SNAPPY, LZ4, ZSTD = 0, 1, 2, 3, 4


def int8(n):
    return struct.pack(">b", n)


def int16(n):
    return struct.pack(">h", n)


def int32(n):
    return struct.pack(">i", n)


def int64(n):
    return struct.pack(">q", n)


def string(text):
    return int16(-1) if text is None else int16(len(text)) + text.encode()


def nbytes(data):
    return int32(-1) if data is None else int32(len(data)) + data


def array(*items):
    return int32(len(items)) + b"".join(items)


def uvarint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def varint(n):
    return uvarint((n << 1) ^ (n >> 63) if n < 0 else n << 1)


def request(api, version, body, correlation=1, client="attacker", flexible=False):
    """A request without its length."""
    tags = b"\0" if flexible else b""
    return int16(api) + int16(version) + int32(correlation) + string(client) + tags + body


def frame(payload):
    """A payload behind its true length."""
    return int32(len(payload)) + payload


class Connection:
    """A raw connection."""

    def __init__(self, bootstrap, seconds=10):
        host, port = bootstrap.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), seconds)
        self.socket.settimeout(seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _exactly(self, count):
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("closed")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def receive(self):
        """The next response without its length; ConnectionError if the broker closed instead."""
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def call(self, payload):
        """Sends a request and returns its response."""
        self.send(frame(payload))
        return self.receive()

    def outcome(self, data, half_close=True):
        """What the broker makes of raw bytes: "closed", or the first response."""
        try:
            self.send(data)
            if half_close:
                self.socket.shutdown(socket.SHUT_WR)
            return self.receive()
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
            return "closed"


@dataclass
class Record:
    """One record; any length in it can be made to lie."""

    value: bytes = b"value"
    key: bytes | None = b"key"
    offset_delta: int = 0
    timestamp_delta: int = 0
    headers: tuple = ()
    length: int | None = None
    key_length: int | None = None
    value_length: int | None = None
    header_count: int | None = None

    def encode(self):
        def sized(data, lie):
            length = lie if lie is not None else (-1 if data is None else len(data))
            return varint(length) + (data or b"")

        body = int8(0) + varint(self.timestamp_delta) + varint(self.offset_delta)
        body += sized(self.key, self.key_length) + sized(self.value, self.value_length)
        body += varint(len(self.headers) if self.header_count is None else self.header_count)
        for name, content in self.headers:
            body += varint(len(name)) + name + varint(len(content)) + content
        return varint(len(body) if self.length is None else self.length) + body


@dataclass
class Batch:
    """A record batch of magic 2; every field can be set wrong, the checksum is right unless told otherwise."""

    records: list = field(default_factory=lambda: [Record()])
    base_offset: int = 0
    leader_epoch: int = -1
    magic: int = 2
    attributes: int = 0
    last_offset_delta: int | None = None
    timestamp_ms: int | None = None
    max_timestamp_ms: int | None = None
    producer_id: int = -1
    producer_epoch: int = -1
    base_sequence: int = -1
    count: int | None = None
    body: bytes | None = None
    crc: int | None = None
    length: int | None = None

    def encode(self):
        now = int(time.time() * 1000) if self.timestamp_ms is None else self.timestamp_ms
        body = b"".join(r.encode() for r in self.records) if self.body is None else self.body
        last = len(self.records) - 1 if self.last_offset_delta is None else self.last_offset_delta
        checked = (
            int16(self.attributes) + int32(last) + int64(now)
            + int64(now if self.max_timestamp_ms is None else self.max_timestamp_ms)
            + int64(self.producer_id) + int16(self.producer_epoch) + int32(self.base_sequence)
            + int32(len(self.records) if self.count is None else self.count) + body
        )
        crc = calc_crc32c(checked) if self.crc is None else self.crc
        rest = int32(self.leader_epoch) + int8(self.magic) + struct.pack(">I", crc) + checked
        return int64(self.base_offset) + int32(len(rest) if self.length is None else self.length) + rest


def produce(topic, records, partition=0, acks=-1, version=7, timeout_ms=10_000, transactional_id=None):
    """A Produce request in a plain version (3 to 8)."""
    body = string(transactional_id) + int16(acks) + int32(timeout_ms)
    body += array(string(topic) + array(int32(partition) + nbytes(records)))
    return request(PRODUCE, version, body)


def produce_error(response):
    """The error code and base offset in the response to `produce` of one partition."""
    name_length = struct.unpack_from(">h", response, 8)[0]
    at = 4 + 4 + 2 + name_length + 4 + 4
    return struct.unpack_from(">hq", response, at)


def fetch(topic, offset=0, partition=0, max_bytes=50 << 20, wait_ms=500):
    """A Fetch request of version 4."""
    body = int32(-1) + int32(wait_ms) + int32(1) + int32(max_bytes) + int8(0)
    body += array(string(topic) + array(int32(partition) + int64(offset) + int32(max_bytes)))
    return request(FETCH, 4, body)


def metadata(*topics):
    """A Metadata request of version 4 that creates no topic."""
    return request(METADATA, 4, array(*map(string, topics)) + int8(0))
