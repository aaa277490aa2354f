"""Every client: the broker goes away in the middle, politely or not, and nothing acknowledged is lost."""

import pytest

from harness.driver import from_wire
from harness.waiting import wait_until

PARTITIONS = 3
pytestmark = pytest.mark.own_broker


def read_all(client, broker, topic, partition, count):
    options = {"bootstrap": broker.bootstrap, "topic": topic, "partition": partition, "from": "beginning", "count": count}
    return [e for e in client.run("consume", options) if e["event"] == "record"]


def acknowledged(load):
    return {e["i"]: (e["partition"], e["offset"]) for e in load.events if "offset" in e}


def check(client, broker, topic, load):
    """Every acknowledged record is at its place; an idempotent producer left no duplicate and kept its order."""
    acks = acknowledged(load)
    for partition in range(PARTITIONS):
        mine = {number: offset for number, (where, offset) in acks.items() if where == partition}
        seen = read_all(client, broker, topic, partition, max(mine.values()) + 1)
        values = [int(from_wire(r["value"])) for r in seen]
        assert [r["offset"] for r in seen] == list(range(len(seen)))
        lost = [number for number in mine if number not in values]
        assert lost == [], f"{len(lost)} acknowledged records of partition {partition} are lost, first {lost[:5]}"
        if client.can("idempotent"):
            assert len(values) == len(set(values)), f"partition {partition} holds duplicates"
            assert values == sorted(values), f"partition {partition} is out of order"
            wrong = {n: (o, values[o]) for n, o in mine.items() if 0 <= o < len(values) and values[o] != n}
            # An acknowledgement of a retried batch may lack its offset (-1), never name a wrong one.
            assert wrong == {}, f"acknowledged with wrong offsets: {wrong}"


def count_after(load, more):
    """Waits for that many acknowledgements more than there are now."""
    load.poll()
    wanted = len(acknowledged(load)) + more
    load.wait_for(lambda events: sum("offset" in e for e in events) >= wanted, 90, f"{more} more acknowledgements")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_producer_carries_on_over_a_restart(client, own_broker, topic, end):
    assert client.admin(own_broker.bootstrap, "create-topic", topic=topic, partitions=PARTITIONS) == {}
    load = client.start("load", {"bootstrap": own_broker.bootstrap, "topic": topic, "partitions": PARTITIONS})
    try:
        for _ in range(2):
            count_after(load, 200)
            getattr(own_broker, end)()
            own_broker.start()
        count_after(load, 100)
        load.finish(90)
    finally:
        load.kill()
    check(client, own_broker, topic, load)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_group_carries_on_over_a_restart(client, own_broker, topic, end):
    assert client.admin(own_broker.bootstrap, "create-topic", topic=topic, partitions=PARTITIONS) == {}
    load = client.start("load", {"bootstrap": own_broker.bootstrap, "topic": topic, "partitions": PARTITIONS})
    member = client.start("group", {"bootstrap": own_broker.bootstrap, "topics": [topic], "group": f"g-{topic}"})
    try:
        def records():
            member.poll()
            return [e for e in member.events if e["event"] == "record"]

        wait_until(lambda: len(records()) > 100, 60, "the first records", 0.1)
        getattr(own_broker, end)()
        own_broker.start()
        count_after(load, 200)
        load.finish(90)
        acks = acknowledged(load)
        numbers = set(acks)
        wait_until(lambda: numbers <= {int(from_wire(r["value"])) for r in records()}, 90, "every acknowledged record", 0.2)
        for partition in range(PARTITIONS):
            places = {}
            for r in records():
                if r["partition"] == partition:
                    # A record whose commit was lost with the broker may come again, at the same place.
                    assert places.setdefault(r["offset"], r["value"]) == r["value"], "an offset changed its record"
        member.finish(90)
    finally:
        load.kill()
        member.kill()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_committed_offsets_survive_a_restart(client, own_broker, topic, end):
    assert client.admin(own_broker.bootstrap, "create-topic", topic=topic, partitions=1) == {}
    from harness.driver import to_wire
    options = {"bootstrap": own_broker.bootstrap, "topic": topic}
    client.run("produce", options, [{"value": to_wire(b"%d" % i)} for i in range(20)])
    in_group = {"bootstrap": own_broker.bootstrap, "topics": [topic], "group": f"g-{topic}", "max": 12}
    first = client.start("group", in_group)
    second = None
    try:
        first.wait_for(lambda events: any(e["event"] == "left" for e in events), 60, "twelve records")
        getattr(own_broker, end)()
        own_broker.start()
        second = client.start("group", {**in_group, "max": 8})
        second.wait_for(lambda events: any(e["event"] == "left" for e in events), 60, "the other eight")
    finally:
        first.kill()
        if second is not None:
            second.kill()
    values = [int(from_wire(e["value"])) for e in first.events + second.events if e["event"] == "record"]
    assert values == list(range(20))
