"""The driver of the Python clients; `tests/README.md` describes the commands and what they print."""

import base64
import json
import sys
import threading

LOAD_WINDOW = 200


def _decode(text):
    return None if text is None else base64.b64decode(text)


def _encode(data):
    return None if data is None else base64.b64encode(data).decode()


_printing = threading.Lock()


def emit(**fields):
    """Prints one JSON line."""
    with _printing:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


def emit_record(partition, offset, timestamp, key, value, headers, topic):
    """Prints a consumed record."""
    pairs = [[name, _encode(content)] for name, content in headers or []]
    emit(event="record", topic=topic, partition=partition, offset=offset, timestamp=timestamp,
         key=_encode(key), value=_encode(value), headers=pairs)


def read_records():
    """The records that the test wants produced."""
    for line in sys.stdin:
        record = json.loads(line)
        yield {
            "key": _decode(record.get("key")), "value": _decode(record.get("value")),
            "headers": [(name, _decode(content)) for name, content in record.get("headers", [])],
            "partition": record.get("partition", 0), "timestamp": record.get("timestamp") or None,
        }


def input_ended():
    """An event that is set when the test closes our input, which means: finish."""
    ended = threading.Event()

    def wait():
        while sys.stdin.read(4096):
            pass
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


def answer_step(number, step):
    """Carries out one step of a transactional producer and prints how it went."""
    try:
        emit(step=number, **(step() or {}))
    except Exception as error:  # noqa: BLE001: whatever a library raises is what the test asked for
        emit(step=number, error=repr(error))


def read_steps():
    """The steps that the test asks for, each with its number, as they come."""
    for number, line in enumerate(iter(sys.stdin.readline, "")):
        yield number, json.loads(line)


def main():
    name, command, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    if name == "kafka-python":
        import kafka_python_client as client
    elif name == "confluent-kafka":
        import confluent_client as client
    else:
        import aiokafka_client as client
    getattr(client, command)(options)


if __name__ == "__main__":
    sys.modules["driver"] = sys.modules["__main__"]
    main()
