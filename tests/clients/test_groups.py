"""Every client: groups of several members that share the work, also while members come and go."""

import uuid
from collections import Counter

import pytest

from harness.driver import from_wire, to_wire
from harness.waiting import wait_until

PARTITIONS = 6


@pytest.fixture
def group():
    return f"g-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def members():
    """Keeps track of members, so that none outlives its test."""
    started = []
    yield started
    for member in started:
        member.kill()


def create(client, broker, topic):
    assert client.admin(broker.bootstrap, "create-topic", topic=topic, partitions=PARTITIONS) == {}


def produce(client, broker, topic, numbers):
    records = [{"value": to_wire(b"%d" % i), "partition": i % PARTITIONS} for i in numbers]
    events = client.run("produce", {"bootstrap": broker.bootstrap, "topic": topic}, records)
    errors = [event for event in events if "error" in event]
    assert errors == []


def join(client, broker, topic, group, members, **options):
    member = client.start("group", {"bootstrap": broker.bootstrap, "topics": [topic], "group": group, **options})
    members.append(member)
    return member


def records(events):
    return [event for event in events if event.get("event") == "record"]


def wait_for_all(members, numbers, seconds=60):
    """Waits until the members together have seen every number."""
    wanted = set(numbers)

    def seen():
        for member in members:
            member.poll()
        found = {int(from_wire(r["value"])) for member in members for r in records(member.events)}
        return wanted <= found

    try:
        wait_until(seen, seconds, f"{len(wanted)} records")
    except TimeoutError as error:
        found = {int(from_wire(r["value"])) for m in members for r in records(m.events)}
        tails = [(m.events[-3:], m.errors()[-500:]) for m in members]
        raise AssertionError(f"{error}; {len(wanted - found)} are missing; {tails}") from None


def wait_for_members(client, broker, group, count, seconds=60):
    """Waits until the group is stable with that many members, asked by the client itself."""
    def stable():
        answer = client.admin(broker.bootstrap, "describe-group", group=group)
        return answer.get("state") == "Stable" and answer.get("members") == count

    wait_until(stable, seconds, f"{count} members of a stable group", 0.3)


def check_each_once_and_in_order(members, numbers, killed=None):
    """Checks all deliveries; a killed member may have been cut off before it committed what it had."""
    everything = [r for member in members for r in records(member.events)]
    counted = Counter(int(from_wire(r["value"])) for r in everything)
    assert set(counted) == set(numbers)
    unsure = {int(from_wire(r["value"])) for r in records(killed.events)} if killed else set()
    assert [n for n, times in counted.items() if times > 1 and n not in unsure] == [], "delivered more than once"
    for member in members:
        for partition in range(PARTITIONS):
            offsets = [r["offset"] for r in records(member.events) if r["partition"] == partition]
            assert offsets == sorted(offsets), f"partition {partition} out of order"


def test_members_come_and_go_and_every_record_is_delivered_once(client, broker, topic, group, members):
    create(client, broker, topic)
    produce(client, broker, topic, range(0, 60))
    first = join(client, broker, topic, group, members)
    wait_for_all([first], range(0, 60))
    second = join(client, broker, topic, group, members)
    wait_for_members(client, broker, group, 2)
    produce(client, broker, topic, range(60, 180))
    wait_for_all([first, second], range(0, 180))
    third = join(client, broker, topic, group, members)
    wait_for_members(client, broker, group, 3)
    produce(client, broker, topic, range(180, 300))
    wait_for_all([first, second, third], range(0, 300))
    assert all(records(member.events) for member in (first, second, third)), "a member had nothing to do"
    first.finish()
    wait_for_members(client, broker, group, 2)
    produce(client, broker, topic, range(300, 360))
    wait_for_all([first, second, third], range(0, 360))
    second.finish()
    third.finish()
    check_each_once_and_in_order([first, second, third], range(0, 360))


def test_a_crashed_member_loses_its_partitions_after_the_session_timeout(client, broker, topic, group, members):
    create(client, broker, topic)
    first = join(client, broker, topic, group, members, session_ms=6000)
    second = join(client, broker, topic, group, members, session_ms=6000)
    wait_for_members(client, broker, group, 2)
    first.kill()
    produce(client, broker, topic, range(0, 60))
    wait_for_all([second], range(0, 60))
    second.finish()


def test_a_group_resumes_where_it_committed(client, broker, topic, group, members):
    create(client, broker, topic)
    produce(client, broker, topic, range(0, 40))
    options = {"bootstrap": broker.bootstrap, "topics": [topic], "group": group, "max": 15}
    first = client.start("group", options)
    members.append(first)
    first.wait_for(lambda events: any(e.get("event") == "left" for e in events), 60, "the first 15 records")
    second = join(client, broker, topic, group, members)
    seen = {int(from_wire(r["value"])) for r in records(first.events)}
    assert len(seen) == 15
    wait_for_all([second], set(range(0, 40)) - seen)
    second.finish()
    check_each_once_and_in_order([first, second], range(0, 40))


def test_a_static_member_returns_without_a_rebalance(client, broker, topic, group, members):
    if not client.can("static"):
        pytest.skip(f"{client} has no static members")
    create(client, broker, topic)
    other = join(client, broker, topic, group, members, instance="one", session_ms=30_000)
    static = join(client, broker, topic, group, members, instance="two", session_ms=30_000)
    wait_for_members(client, broker, group, 2)
    # A member is counted before the first one has heard of it. What comes after the second one got
    # something finds both with their share.
    done = 0
    is_shared = False
    while not is_shared:
        assert done < 600, "the second member gets nothing"
        is_shared = bool(records(static.events))
        produce(client, broker, topic, range(done, done + 60))
        done += 60
        wait_for_all([other, static], range(0, done))
    before = [e for e in other.events if e["event"] in ("assigned", "revoked")]
    static.kill()
    back = join(client, broker, topic, group, members, instance="two", session_ms=30_000)
    produce(client, broker, topic, range(done, done + 60))
    wait_for_all([other, static, back], range(0, done + 60))
    assert records(back.events), "the returning member got nothing back"
    after = [e for e in other.events if e["event"] in ("assigned", "revoked")]
    assert after == before, "the other member was rebalanced"
    check_each_once_and_in_order([other, static, back], range(0, done + 60), killed=static)


@pytest.mark.parametrize("name", ["java", "confluent-kafka"])
def test_a_cooperative_group_keeps_what_need_not_move(name, broker, topic, group, members):
    from harness.clients import driver
    client = driver(name)
    create(client, broker, topic)
    first = join(client, broker, topic, group, members, assignor="cooperative-sticky")
    first.wait_for(lambda events: sum(len(e["partitions"]) for e in events if e["event"] == "assigned") == 6, 60, "all partitions")
    second = join(client, broker, topic, group, members, assignor="cooperative-sticky")
    second.wait_for(lambda events: sum(len(e["partitions"]) for e in events if e["event"] == "assigned") == 3, 60, "its half")
    first.poll()
    assert [len(e["partitions"]) for e in first.events if e["event"] == "revoked"] == [3]
    produce(client, broker, topic, range(0, 60))
    wait_for_all([first, second], range(0, 60))
    first.finish()
    second.finish()
    check_each_once_and_in_order([first, second], range(0, 60))
