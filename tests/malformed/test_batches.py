"""Damaged record batches: each is refused with its own code and never reaches a consumer."""

import gzip
import time

import cramjam
import lz4.frame
import pytest

from harness import wire
from harness.clients import driver
from harness.wire import GZIP, LZ4, NONE, SNAPPY, ZSTD, Batch, Record, int8, int32, int64, nbytes

pytestmark = pytest.mark.allow_log(r"(?i)invalid|record|batch|corrupt|crc|produce|refus|decompress")

OK, CORRUPT, TOO_LARGE, BAD_TIMESTAMP, TRANSACTIONAL_ID, UNSUPPORTED_CODEC, INVALID_RECORD = 0, 2, 10, 32, 53, 76, 87
# Kafka's own answers differ for some of these (UNKNOWN_SERVER_ERROR, or acceptance): there it is wrong.
DAMAGED = (CORRUPT, INVALID_RECORD)


def compress(codec, data):
    """Bytes as a client of that codec writes them."""
    if codec == GZIP:
        return gzip.compress(data)
    if codec == SNAPPY:
        return bytes(cramjam.snappy.compress_raw(data))
    if codec == LZ4:
        return lz4.frame.compress(data)
    return bytes(cramjam.zstd.compress(data))


def packed(codec, records, **changes):
    """A compressed batch."""
    plain = b"".join(r.encode() for r in records)
    return Batch(records, attributes=codec, body=compress(codec, plain), **changes)


def three(**changes):
    return [Record(offset_delta=0, **changes), Record(offset_delta=1), Record(offset_delta=2)]


def old_format(magic):
    """A message of the formats before record batches."""
    import zlib
    content = int8(magic) + int8(0) + (int64(int(time.time() * 1000)) if magic else b"") + nbytes(b"k") + nbytes(b"v")
    message = zlib.crc32(content).to_bytes(4, "big") + content
    return int64(0) + int32(len(message)) + message


NOW_MS = int(time.time() * 1000)
HEADER = ((b"h", b"v"),)

ATTACKS = {
    # name: (bytes of the records field, codes that are right)
    "wrong checksum": (Batch(crc=1).encode(), (CORRUPT,)),
    "one byte of a value flipped": (Batch().encode()[:-3] + b"\xee" + Batch().encode()[-2:], (CORRUPT,)),
    "magic 0": (old_format(0), (INVALID_RECORD, CORRUPT)),
    "magic 1": (old_format(1), (INVALID_RECORD, CORRUPT)),
    "magic 3": (Batch(magic=3).encode(), (INVALID_RECORD, CORRUPT)),
    "no batch at all": (b"", (INVALID_RECORD, CORRUPT)),
    "null records": (None, (INVALID_RECORD, CORRUPT, "closed")),
    "two batches": (Batch().encode() * 2, (INVALID_RECORD,)),
    "a header cut short": (Batch().encode()[:40], DAMAGED),
    "a batch cut short": (Batch(three()).encode()[:-5], DAMAGED),
    "bytes behind the batch": (Batch().encode() + b"\0" * 5, DAMAGED),
    "batch length too small": (Batch(length=10).encode(), DAMAGED),
    "batch length negative": (Batch(length=-1).encode(), DAMAGED),
    "batch length of 2^31-1": (Batch(length=2**31 - 1).encode(), DAMAGED),
    "control batch": (Batch(attributes=0x20).encode(), (INVALID_RECORD,)),
    "control and transactional batch": (Batch(attributes=0x30).encode(), (INVALID_RECORD, TRANSACTIONAL_ID)),
    "transactional without an id": (
        Batch(attributes=0x10, producer_id=1, producer_epoch=0, base_sequence=0).encode(), (INVALID_RECORD, TRANSACTIONAL_ID)),
    "count too high": (Batch(three(), count=5, last_offset_delta=4).encode(), DAMAGED),
    "count too low": (Batch(three(), count=2, last_offset_delta=1).encode(), DAMAGED),
    "count zero": (Batch([], count=0, last_offset_delta=0).encode(), DAMAGED),
    "count negative": (Batch(three(), count=-1).encode(), DAMAGED),
    "count of 2^31-1": (Batch(three(), count=2**31 - 1, last_offset_delta=2**31 - 2).encode(), DAMAGED),
    "last delta unlike the count": (Batch(three(), last_offset_delta=7).encode(), DAMAGED),
    "last delta negative": (Batch(three(), last_offset_delta=-1).encode(), DAMAGED),
    "inner delta repeated": (Batch([Record(), Record(), Record(offset_delta=2)]).encode(), DAMAGED),
    "inner delta descending": (Batch([Record(offset_delta=2), Record(offset_delta=1), Record()]).encode(), DAMAGED),
    "inner delta over the last": (Batch([Record(), Record(offset_delta=1), Record(offset_delta=9)]).encode(), DAMAGED),
    "inner delta negative": (Batch([Record(offset_delta=-1)]).encode(), DAMAGED),
    "record length too long": (Batch([Record(length=500)]).encode(), DAMAGED),
    "record length too short": (Batch([Record(length=3)]).encode(), DAMAGED),
    "record length negative": (Batch([Record(length=-5)]).encode(), DAMAGED),
    "record length of 2^31-1": (Batch([Record(length=2**31 - 1)]).encode(), DAMAGED),
    "key length too long": (Batch([Record(key_length=2000)]).encode(), DAMAGED),
    "key length of -2": (Batch([Record(key_length=-2)]).encode(), DAMAGED),
    "value length too long": (Batch([Record(value_length=2**31 - 1)]).encode(), DAMAGED),
    "header count too high": (Batch([Record(headers=HEADER, header_count=1000)]).encode(), DAMAGED),
    "header count of 2^31-1": (Batch([Record(header_count=2**31 - 1)]).encode(), DAMAGED),
    "header count negative": (Batch([Record(headers=HEADER, header_count=-1)]).encode(), DAMAGED),
    "endless varint": (Batch(body=b"\xff" * 40).encode(), DAMAGED),
    "codec 5": (Batch(attributes=5).encode(), (*DAMAGED, UNSUPPORTED_CODEC)),
    "codec 7": (Batch(attributes=7).encode(), (*DAMAGED, UNSUPPORTED_CODEC)),
    "timestamp two hours ahead": (Batch(timestamp_ms=NOW_MS + 7_200_000).encode(), (BAD_TIMESTAMP,)),
    "over max.message.bytes": (Batch([Record(value=b"x" * 1_200_000)]).encode(), (TOO_LARGE,)),
    "producer id without an epoch": (Batch(producer_id=7, base_sequence=0).encode(), DAMAGED),
    "producer id without a sequence": (Batch(producer_id=7, producer_epoch=0).encode(), DAMAGED),
}
for _codec, _name in ((GZIP, "gzip"), (SNAPPY, "snappy"), (LZ4, "lz4"), (ZSTD, "zstd")):
    _whole = packed(_codec, three()).body
    ATTACKS |= {
        f"{_name}: rubbish": (Batch(attributes=_codec, body=b"no compressed data at all").encode(), DAMAGED),
        f"{_name}: nothing": (Batch(attributes=_codec, body=b"").encode(), DAMAGED),
        f"{_name}: cut short": (Batch(three(), attributes=_codec, body=_whole[: len(_whole) // 2]).encode(), DAMAGED),
        f"{_name}: count too high": (packed(_codec, three(), count=5, last_offset_delta=4).encode(), DAMAGED),
        f"{_name}: count too low": (packed(_codec, three(), count=2, last_offset_delta=1).encode(), DAMAGED),
        f"{_name}: inner delta repeated": (
            packed(_codec, [Record(), Record(), Record(offset_delta=2)]).encode(), DAMAGED),
        f"{_name}: record length of 2^31-1": (packed(_codec, [Record(length=2**31 - 1)]).encode(), DAMAGED),
    }


def send(broker, topic, records, **options):
    with wire.Connection(broker.bootstrap, 60) as connection:
        try:
            return wire.produce_error(connection.call(wire.produce(topic, records, **options)))
        except ConnectionError:
            return "closed", -1


@pytest.mark.parametrize("name", ATTACKS)
def test_a_damaged_batch_is_refused_with_its_own_code(broker, target, name):
    records, right = ATTACKS[name]
    error, _ = send(broker, target, records)
    assert error in right, f"answered with {error}"
    # What was refused left no trace: the next record gets the first offset, and is all there is.
    assert send(broker, target, Batch([Record(value=b"good")]).encode()) == (OK, 0)
    options = {"bootstrap": broker.bootstrap, "topic": target, "from": "beginning", "count": 1}
    seen = [e for e in driver("confluent-kafka").run("consume", options) if e["event"] == "record"]
    assert [e["value"] for e in seen] == ["Z29vZA=="]


@pytest.mark.parametrize("codec", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_a_hand_made_batch_of_every_codec_is_accepted(broker, target, codec):
    batch = Batch(three()) if codec == NONE else packed(codec, three())
    assert send(broker, target, batch.encode()) == (OK, 0)
    assert send(broker, target, batch.encode()) == (OK, 3)


def test_a_record_without_a_key_is_refused_on_a_compacted_topic(broker, topic):
    client = driver("confluent-kafka")
    configs = {"cleanup.policy": "compact"}
    assert client.admin(broker.bootstrap, "create-topic", topic=topic, partitions=1, configs=configs) == {}
    assert send(broker, topic, Batch([Record(key=None)]).encode())[0] == INVALID_RECORD
    assert send(broker, topic, Batch().encode()) == (OK, 0)


def test_producing_to_an_internal_topic_is_refused(broker, target):
    client = driver("confluent-kafka")
    client.start("group", {"bootstrap": broker.bootstrap, "topics": [target], "group": "makes-offsets"}).finish()
    assert send(broker, "__consumer_offsets", Batch().encode())[0] in (17, 29)


def bomb(codec, data):
    """A batch that says it holds one record."""
    return Batch(attributes=codec, body=compress(codec, data))


@pytest.mark.parametrize("codec, megabytes", [(GZIP, 400), (LZ4, 200), (ZSTD, 400), (SNAPPY, 18)])
def test_a_compression_bomb_costs_no_memory(broker, target, unharmed, codec, megabytes):
    """A valid record that is tiny on the wire and huge when unpacked, and the same with nothing but rubbish inside."""
    size = megabytes << 20
    honest = Record(value=b"\0" * size).encode()
    rubbish = b"\xff" * size
    for data, right in ((honest, (OK, TOO_LARGE, *DAMAGED)), (rubbish, (*DAMAGED, TOO_LARGE))):
        encoded = bomb(codec, data).encode()
        assert len(encoded) < 1_000_000, "the bomb would be refused for its size alone"
        began = time.monotonic()
        error, _ = send(broker, target, encoded)
        assert error in right, f"answered with {error}"
        assert time.monotonic() - began < 20


def test_many_bombs_at_once_cost_no_memory(broker, target, unharmed):
    encoded = bomb(ZSTD, b"\xff" * (200 << 20)).encode()
    connections = [wire.Connection(broker.bootstrap, 60) for _ in range(16)]
    for connection in connections:
        connection.send(wire.frame(wire.produce(target, encoded)))
    for connection in connections:
        assert wire.produce_error(connection.receive())[0] in (*DAMAGED, TOO_LARGE)
        connection.socket.close()
