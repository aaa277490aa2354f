"""What transactional clients did and saw, and the promises of transactions, each a check of its own.

The checks are those of Jepsen's Kafka workload, for values that are unique integers. Every check takes a
`History` and returns the violations it found, as sentences; all times are of one monotonic clock.
"""

import collections
import dataclasses
import json

COMMITTED, ABORTED, UNKNOWN = "committed", "aborted", "unknown"

# A record as a reader sees it; `source` is the input value that it was made from, or None.
Record = collections.namedtuple("Record", "value source")
# A record that a poll returned: `place` is (topic, partition, offset).
Seen = collections.namedtuple("Seen", "at place record")


@dataclasses.dataclass
class Write:
    value: int
    topic: str
    partition: int
    source: int = None
    # Where the broker says that it is, once it was acknowledged.
    offset: int = None


@dataclasses.dataclass
class Transaction:
    name: str
    writes: list = dataclasses.field(default_factory=list)
    # When the client began to ask for the commit; None if it never did.
    commit_invoked: float = None
    outcome: str = UNKNOWN


@dataclasses.dataclass
class History:
    transactions: list = dataclasses.field(default_factory=list)
    # What the committed readers saw, by reader, each from the beginning of its partitions and in its order.
    polls: dict = dataclasses.field(default_factory=dict)
    # The final reads from the beginning: {place: record}.
    committed: dict = dataclasses.field(default_factory=dict)
    uncommitted: dict = dataclasses.field(default_factory=dict)
    # {(topic, partition): (last stable offset, high watermark)} at the end.
    ends: dict = dataclasses.field(default_factory=dict)
    # The topics of a consume-transform-produce.
    input: str = None
    output: str = None

    def of_outcome(self, outcome):
        return [transaction for transaction in self.transactions if transaction.outcome == outcome]

    def observations(self):
        """Everything that any committed reader saw, the final one as well: (reader, at, place, record)."""
        for reader, seen in self.polls.items():
            for at, place, record in seen:
                yield reader, at, place, record
        for place, record in self.committed.items():
            yield "the final read", float("inf"), place, record


def transactions_of(lines):
    """The transactions that one client logged, line by line; the last one may lack its end."""
    found, by_value = {}, {}
    for line in lines:
        event = json.loads(line)
        kind = event["event"]
        if kind == "begin":
            # Who never asks for a commit has aborted, whatever happens to him.
            found[event["txn"]] = Transaction(event["txn"], outcome=ABORTED)
        elif kind == "write":
            write = Write(event["value"], event["topic"], event["partition"], event.get("source"))
            by_value[write.value] = write
            found[event["txn"]].writes.append(write)
        elif kind == "ack":
            by_value[event["value"]].offset = event["offset"]
        elif kind == "commit":
            found[event["txn"]].commit_invoked = event["at"]
            found[event["txn"]].outcome = UNKNOWN
        elif kind in (COMMITTED, ABORTED):
            found[event["txn"]].outcome = kind
    return list(found.values())


def lost(history):
    """A value of a committed transaction that the final read does not show."""
    present = {record.value for record in history.committed.values()}
    return [
        f"{write} of transaction {transaction.name} was committed and is not there"
        for transaction in history.of_outcome(COMMITTED) for write in transaction.writes if write.value not in present
    ]


def duplicate(history):
    """A value that is at two places."""
    places = collections.defaultdict(set)
    for _, _, place, record in history.observations():
        places[record.value].add(place)
    for place, record in history.uncommitted.items():
        places[record.value].add(place)
    return [f"{value} is at {sorted(at)}" for value, at in places.items() if len(at) > 1]


def aborted_read(history):
    """A value that a committed reader saw although its transaction was aborted, or was never to be committed."""
    values = {write.value: t for t in history.of_outcome(ABORTED) for write in t.writes}
    return [
        f"{reader} saw {record.value} at {place} of the aborted transaction {values[record.value].name}"
        for reader, _, place, record in history.observations() if record.value in values
    ]


def unwritten(history):
    """A value that nobody wrote, or not to that partition, or made from something else."""
    written = {w.value: (w.topic, w.partition, w.source) for t in history.transactions for w in t.writes}
    everything = {(place, record) for _, _, place, record in history.observations()} | set(history.uncommitted.items())
    return [
        f"{record} at {place} was written as {written.get(record.value)}" for place, record in sorted(everything, key=str)
        if written.get(record.value) != (place[0], place[1], record.source)
    ]


def torn(history):
    """A transaction of which some values are there and others are not."""
    present, violations = {record.value for record in history.committed.values()}, []
    for transaction in history.transactions:
        there = [write.value for write in transaction.writes if write.value in present]
        if there and len(there) < len(transaction.writes):
            violations.append(f"of transaction {transaction} only {there} are there")
    return violations


def pre_committed_read(history):
    """A value that a committed reader had before its transaction was asked to commit."""
    invoked = {w.value: t.commit_invoked for t in history.transactions for w in t.writes}
    never = float("inf")
    return [
        f"{reader} saw {record.value} at {place} at {at}, its commit was asked for at {invoked[record.value]}"
        for reader, at, place, record in history.observations()
        if record.value in invoked and at < (never if invoked[record.value] is None else invoked[record.value])
    ]


def non_monotonic_poll(history):
    """A reader that was given an offset again, or one that lies before what it had."""
    violations = []
    for reader, seen in history.polls.items():
        last = {}
        for _, (topic, partition, offset), _ in seen:
            if offset <= last.get((topic, partition), -1):
                violations.append(f"{reader}: {topic}-{partition} gave {offset} after {last[(topic, partition)]}")
            last[(topic, partition)] = offset
    return violations


def skipped_poll(history):
    """A committed record that lies before what a reader saw last, and that it never saw."""
    violations = []
    for reader, seen in history.polls.items():
        had = {place for _, place, _ in seen}
        last = {}
        for topic, partition, offset in had:
            last[(topic, partition)] = max(offset, last.get((topic, partition), -1))
        violations += [
            f"{reader}: skipped {place}, which holds {record.value}" for place, record in sorted(history.committed.items())
            if place[2] < last.get(place[:2], -1) and place not in had
        ]
    return violations


def non_monotonic_send(history):
    """Values that one client wrote to one partition one after the other, in another order in the log."""
    client = {w.value: t.name.split(".")[0] for t in history.transactions for w in t.writes}
    last, violations = {}, []
    for place, record in sorted(history.uncommitted.items()):
        if record.value not in client:
            continue
        key = (place[:2], client[record.value])
        if last.get(key, -1) > record.value:
            violations.append(f"{place} holds {record.value} after {last[key]}")
        last[key] = record.value
    return violations


def changed_offset(history):
    """An offset that held different records at different times, or not what was acknowledged, or nothing any more."""
    held, violations = {}, []
    for write in (write for transaction in history.transactions for write in transaction.writes):
        if write.offset is not None and write.offset >= 0:
            place = (write.topic, write.partition, write.offset)
            if held.setdefault(place, write.value) != write.value:
                violations.append(f"{place} was acknowledged for {held[place]} and for {write.value}")
    for who, place, value in [
        *((reader, place, record.value) for reader, _, place, record in history.observations()),
        *(("the uncommitted read", place, record.value) for place, record in history.uncommitted.items()),
    ]:
        if held.setdefault(place, value) != value:
            violations.append(f"{place} held {held[place]}, and {value} for {who}")
    violations += [
        f"{place} held {value} and is not in the uncommitted read" for place, value in held.items()
        if place not in history.uncommitted
    ]
    return violations


def not_exactly_once(history):
    """An input value that was not transformed exactly once in what is committed."""
    inputs = {record.value for place, record in history.committed.items() if place[0] == history.input}
    made = collections.Counter(record.source for place, record in history.committed.items() if place[0] == history.output)
    violations = [f"{value} was transformed {made[value]} times" for value in sorted(inputs) if made[value] != 1]
    return violations + [f"{source} was transformed and is no committed input" for source in made if source not in inputs]


def hanging(history):
    """A partition whose last stable offset is not its high watermark, although nothing is open any more."""
    return [
        f"{where}: the last stable offset is {stable}, the high watermark {high}"
        for where, (stable, high) in history.ends.items() if stable != high
    ]


CHECKS = [
    lost, duplicate, aborted_read, unwritten, torn, pre_committed_read, non_monotonic_poll, skipped_poll,
    non_monotonic_send, changed_offset, not_exactly_once, hanging,
]


def violations(history):
    """{name of a check: (how many violations, the first of them)} of all checks that found any."""
    found = {check.__name__: check(history) for check in CHECKS}
    return {name: (len(bad), bad[:5]) for name, bad in found.items() if bad}
