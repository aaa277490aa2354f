"""Frames and requests that lie about sizes, counts and versions."""

import struct

import pytest

from harness import wire
from harness.wire import array, int8, int16, int32, int64, nbytes, request, string

# Such a request closes its connection, and the broker may say why.
pytestmark = pytest.mark.allow_log(r"(?i)frame|request|malformed|invalid|closing|closed|decode|unsupported|size|connection")

HUGE = 2**31 - 1


@pytest.mark.parametrize("size", [-1, -(2**31), 0, 1, 7, (100 << 20) + 1, 1 << 30, HUGE])
def test_a_frame_with_a_wrong_size_closes_the_connection(broker, unharmed, size):
    with wire.Connection(broker.bootstrap) as connection:
        assert connection.outcome(int32(size) + b"\0" * 7) == "closed"


COUNTS = {
    "metadata topics": (wire.METADATA, 4, b"%s" + int8(0)),
    "produce topics": (wire.PRODUCE, 7, string(None) + int16(-1) + int32(1000) + b"%s"),
    "produce partitions": (wire.PRODUCE, 7, string(None) + int16(-1) + int32(1000) + int32(1) + string("t") + b"%s"),
    "produce records": (
        wire.PRODUCE, 7, string(None) + int16(-1) + int32(1000) + int32(1) + string("t") + int32(1) + int32(0) + b"%s"),
    "fetch topics": (wire.FETCH, 4, int32(-1) + int32(1) + int32(1) + int32(1) + int8(0) + b"%s"),
    "list offsets topics": (wire.LIST_OFFSETS, 1, int32(-1) + b"%s"),
    "offset commit topics": (wire.OFFSET_COMMIT, 2, string("g") + int32(-1) + string("") + int64(-1) + b"%s"),
    "offset fetch topics": (wire.OFFSET_FETCH, 2, string("g") + b"%s"),
    "join group protocols": (
        wire.JOIN_GROUP, 1, string("g") + int32(6000) + int32(6000) + string("") + string("consumer") + b"%s"),
    "sync group assignments": (wire.SYNC_GROUP, 0, string("g") + int32(1) + string("m") + b"%s"),
    "describe groups": (wire.DESCRIBE_GROUPS, 0, b"%s"),
    "create topics": (wire.CREATE_TOPICS, 2, b"%s"),
    "create topics assignments": (wire.CREATE_TOPICS, 2, int32(1) + string("t") + int32(1) + int16(1) + b"%s"),
    "delete topics": (wire.DELETE_TOPICS, 1, b"%s"),
    "describe configs": (wire.DESCRIBE_CONFIGS, 1, b"%s"),
    "create partitions": (wire.CREATE_PARTITIONS, 0, b"%s"),
    "delete groups": (wire.DELETE_GROUPS, 0, b"%s"),
    "delete records": (wire.DELETE_RECORDS, 0, b"%s"),
    "offsets for leader epochs": (wire.OFFSET_FOR_LEADER_EPOCH, 2, b"%s"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_larger_than_the_request_is_refused_before_anything_is_allocated(broker, unharmed, name):
    api, version, body = COUNTS[name]
    for count in (HUGE, 1 << 24, -2, -(2**31)):
        payload = request(api, version, body.replace(b"%s", int32(count), 1))
        with wire.Connection(broker.bootstrap) as connection:
            outcome = connection.outcome(wire.frame(payload))
            # An error is an answer too, but for a count that cannot be true only a small one; a negative
            # count may be read as a null array.
            assert count < 0 or outcome == "closed" or len(outcome) < 1000, f"{count} was answered with {len(outcome)} bytes"


FLEXIBLE_LIES = {
    "array count": wire.uvarint(2**32 - 1),
    "array count of 2^28": wire.uvarint(2**28),
    "endless varint": b"\xff" * 30,
    "string length": wire.uvarint(2) + wire.uvarint(2**32 - 1),
}


@pytest.mark.parametrize("name", FLEXIBLE_LIES)
@pytest.mark.parametrize("api, version", [(wire.METADATA, 9), (wire.DESCRIBE_GROUPS, 5), (wire.DELETE_GROUPS, 2)])
def test_a_lie_in_a_flexible_version_is_refused(broker, unharmed, api, version, name):
    with wire.Connection(broker.bootstrap) as connection:
        payload = request(api, version, FLEXIBLE_LIES[name], flexible=True)
        outcome = connection.outcome(wire.frame(payload))
        assert outcome == "closed" or len(outcome) < 1000


@pytest.mark.parametrize("tags", [wire.uvarint(2**32 - 1), b"\1\0" + wire.uvarint(2**31), b"\xff" * 12])
def test_lies_in_tagged_fields_are_refused(broker, unharmed, tags):
    payload = int16(wire.API_VERSIONS) + int16(3) + int32(1) + string("c") + tags
    with wire.Connection(broker.bootstrap) as connection:
        assert connection.outcome(wire.frame(payload)) == "closed"


@pytest.mark.parametrize("client_length", [-2, 32767])
def test_a_wrong_client_id_is_refused(broker, unharmed, client_length):
    payload = int16(wire.METADATA) + int16(4) + int32(1) + int16(client_length) + b"abc"
    with wire.Connection(broker.bootstrap) as connection:
        assert connection.outcome(wire.frame(payload)) == "closed"


def test_an_unknown_api_closes_the_connection(broker, unharmed):
    for api in (-1, 1000, 32767, 4, 5, 6, 7):
        with wire.Connection(broker.bootstrap) as connection:
            assert connection.outcome(wire.frame(request(api, 0, b""))) == "closed", api


def test_an_unknown_version_closes_the_connection(broker, unharmed):
    for api, version in ((wire.METADATA, 99), (wire.METADATA, -1), (wire.FETCH, 0), (wire.PRODUCE, 100)):
        with wire.Connection(broker.bootstrap) as connection:
            assert connection.outcome(wire.frame(request(api, version, b""))) == "closed", (api, version)


def test_an_unknown_version_of_api_versions_is_answered_with_the_known_ones(broker, unharmed):
    with wire.Connection(broker.bootstrap) as connection:
        response = connection.call(request(wire.API_VERSIONS, 99, b"\0\0\0", flexible=True))
    correlation, error, count = struct.unpack_from(">ihi", response)
    assert (correlation, error) == (1, 35)
    known = {struct.unpack_from(">hhh", response, 10 + 6 * i) for i in range(count)}
    assert any(api == wire.API_VERSIONS and low == 0 for api, low, _ in known)


def valid_requests(topic):
    """A valid request for each of several APIs."""
    one = array(string(topic) + array(int32(0)))
    return {
        "produce": wire.produce(topic, wire.Batch().encode()),
        "fetch": wire.fetch(topic, wait_ms=1),
        "list offsets": request(wire.LIST_OFFSETS, 1, int32(-1) + array(string(topic) + array(int32(0) + int64(-1)))),
        "metadata": wire.metadata(topic),
        "offset commit": request(
            wire.OFFSET_COMMIT, 2, string("truncated") + int32(-1) + string("") + int64(-1)
            + array(string(topic) + array(int32(0) + int64(1) + string("m")))),
        "offset fetch": request(wire.OFFSET_FETCH, 2, string("truncated") + one),
        "find coordinator": request(wire.FIND_COORDINATOR, 1, string("truncated") + int8(0)),
        "join group": request(
            wire.JOIN_GROUP, 1, string("truncated") + int32(6000) + int32(6000) + string("") + string("consumer")
            + array(string("range") + nbytes(b"\0\0\0\0\0\0"))),
        "create topics": request(
            wire.CREATE_TOPICS, 2, array(string(topic) + int32(1) + int16(1) + int32(0) + int32(0)) + int32(1000) + int8(1)),
        "describe configs": request(wire.DESCRIBE_CONFIGS, 1, array(int8(2) + string(topic) + int32(-1)) + int8(0)),
        "api versions": request(wire.API_VERSIONS, 3, b"\5name\4one\0", flexible=True),
        "init producer id": request(wire.INIT_PRODUCER_ID, 0, string(None) + int32(1000)),
    }


def kinds():
    return list(valid_requests("t"))


@pytest.mark.parametrize("kind", kinds())
def test_a_request_cut_short_at_any_byte_does_no_harm(broker, target, unharmed, kind):
    payload = valid_requests(target)[kind]
    with wire.Connection(broker.bootstrap) as connection:
        assert len(connection.call(payload)) > 4, "the whole request must be answered"
    for length in range(len(payload)):
        with wire.Connection(broker.bootstrap) as connection:
            connection.outcome(wire.frame(payload[:length]))
        with wire.Connection(broker.bootstrap) as connection:
            connection.send(wire.frame(payload)[: 4 + length])


@pytest.mark.parametrize("kind", kinds())
def test_a_request_with_one_byte_changed_does_no_harm(broker, target, unharmed, kind):
    payload = valid_requests(target)[kind]
    for at in range(8, len(payload)):
        for flip in (0x80, 0x7F, 0x01):
            changed = bytearray(payload)
            changed[at] ^= flip
            with wire.Connection(broker.bootstrap, 30) as connection:
                connection.send(wire.frame(bytes(changed)))


def test_requests_sent_byte_by_byte_are_answered(broker, target, unharmed):
    with wire.Connection(broker.bootstrap) as connection:
        for byte in wire.frame(wire.metadata(target)):
            connection.send(bytes([byte]))
        assert target.encode() in connection.receive()


def test_a_thousand_pipelined_requests_are_answered_in_order(broker, target, unharmed):
    with wire.Connection(broker.bootstrap, 30) as connection:
        frames = []
        for i in range(1000):
            payload = bytearray(wire.metadata(target) if i % 2 else request(wire.API_VERSIONS, 0, b""))
            payload[4:8] = int32(i)
            frames.append(wire.frame(bytes(payload)))
        connection.send(b"".join(frames))
        assert [struct.unpack_from(">i", connection.receive())[0] for _ in range(1000)] == list(range(1000))
