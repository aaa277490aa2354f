"""Negative controls: every check of a history of transactions finds what it is there for, and nothing in a good one."""

import copy
import json

import pytest

from harness import transaction_history
from harness.transaction_history import (
    ABORTED, COMMITTED, UNKNOWN, History, Record, Seen, Transaction, Write, transactions_of,
)


def good():
    """Two inputs, one of which was transformed after an attempt that was aborted; a transaction of unknown end."""
    transactions = [
        Transaction("0.0.1", [Write(1, "in", 0, None, 0), Write(2, "in", 1, None, 0)], 10.0, COMMITTED),
        Transaction("1.0.1", [Write(100, "out", 0, 1, 0), Write(101, "out", 0, 2, 1)], None, ABORTED),
        Transaction("1.0.2", [Write(102, "out", 0, 1, 3), Write(103, "out", 0, 2, 4)], 20.0, COMMITTED),
        Transaction("0.0.2", [Write(3, "other", 0, None, 0), Write(4, "other", 0)], 30.0, UNKNOWN),
    ]
    committed = {
        ("in", 0, 0): Record(1, None), ("in", 1, 0): Record(2, None),
        ("out", 0, 3): Record(102, 1), ("out", 0, 4): Record(103, 2),
    }
    uncommitted = committed | {
        ("out", 0, 0): Record(100, 1), ("out", 0, 1): Record(101, 2), ("other", 0, 0): Record(3, None),
    }
    seen = [Seen(11.0 + 10 * n, place, record) for n, (place, record) in enumerate(committed.items())]
    ends = {("in", 0): (2, 2), ("in", 1): (2, 2), ("out", 0): (6, 6), ("other", 0): (2, 2)}
    return History(transactions, {"r": seen}, committed, uncommitted, ends, "in", "out")


def forget(history, place):
    del history.committed[place]


def poll(history, at, place, record):
    history.polls["r"].append(Seen(at, place, record))


def misplace(history):
    for found in (history.committed, history.uncommitted):
        found["out", 0, 5] = found["out", 0, 3]


def swap(history):
    history.uncommitted["in", 0, 1] = Record(0, None)
    history.transactions[0].writes.insert(0, Write(0, "in", 0))


def transform_again(history):
    history.transactions.append(Transaction("1.0.3", [Write(104, "out", 0, 1)], 40.0, COMMITTED))
    history.committed["out", 0, 6] = history.uncommitted["out", 0, 6] = Record(104, 1)


def transform_never(history):
    history.transactions.append(Transaction("0.0.3", [Write(5, "in", 0)], 40.0, COMMITTED))
    history.committed["in", 0, 2] = history.uncommitted["in", 0, 2] = Record(5, None)


def transform_an_aborted_input(history):
    forget(history, ("in", 0, 0))
    history.transactions[0].outcome = UNKNOWN


def commit_unknown(history):
    history.committed["other", 0, 0] = Record(3, None)


BAD = [
    ("lost", lambda h: forget(h, ("out", 0, 4))),
    ("duplicate", misplace),
    ("duplicate", lambda h: poll(h, 50.0, ("out", 0, 9), Record(103, 2))),
    ("aborted_read", lambda h: h.committed.update({("out", 0, 0): Record(100, 1)})),
    ("aborted_read", lambda h: poll(h, 50.0, ("out", 0, 1), Record(101, 2))),
    ("unwritten", lambda h: h.uncommitted.update({("other", 0, 1): Record(999, None)})),
    ("unwritten", lambda h: h.uncommitted.update({("other", 1, 1): Record(4, None)})),
    ("unwritten", lambda h: h.committed.update({("out", 0, 3): Record(102, 2)})),
    ("torn", lambda h: forget(h, ("out", 0, 4))),
    ("torn", commit_unknown),
    ("pre_committed_read", lambda h: h.polls["r"].insert(0, Seen(9.9, ("in", 0, 0), Record(1, None)))),
    ("pre_committed_read", lambda h: poll(h, 50.0, ("out", 0, 0), Record(100, 1))),
    ("non_monotonic_poll", lambda h: poll(h, 50.0, ("out", 0, 4), Record(103, 2))),
    ("non_monotonic_poll", lambda h: poll(h, 50.0, ("out", 0, 3), Record(102, 1))),
    ("skipped_poll", lambda h: h.polls["r"].pop(2)),
    ("skipped_poll", lambda h: h.polls.update({"other": [Seen(50.0, ("out", 0, 4), Record(103, 2))]})),
    ("non_monotonic_send", swap),
    ("changed_offset", lambda h: h.uncommitted.update({("out", 0, 4): Record(4, 2)})),
    ("changed_offset", lambda h: h.uncommitted.pop(("out", 0, 0))),
    ("changed_offset", lambda h: setattr(h.transactions[3].writes[1], "offset", 0)),
    ("not_exactly_once", transform_again),
    ("not_exactly_once", transform_never),
    ("not_exactly_once", transform_an_aborted_input),
    ("hanging", lambda h: h.ends.update({("out", 0): (5, 6)})),
]


def test_a_good_history_passes():
    assert transaction_history.violations(good()) == {}


@pytest.mark.parametrize("name,harm", BAD, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BAD)])
def test_a_bad_history_is_found_out(name, harm):
    history = copy.deepcopy(good())
    harm(history)
    assert name in transaction_history.violations(history)


def test_every_check_has_a_bad_history():
    assert {check.__name__ for check in transaction_history.CHECKS} == {name for name, _ in BAD}


@pytest.mark.parametrize("events,outcome", [
    ([], ABORTED),
    (["abort", "aborted"], ABORTED),
    (["commit"], UNKNOWN),
    (["commit", "error", "abort"], UNKNOWN),
    (["commit", "error", "abort", "aborted"], ABORTED),
    (["commit", "committed"], COMMITTED),
])
def test_what_is_known_of_a_transaction_follows_from_what_its_client_logged(events, outcome):
    lines = [{"event": "begin", "txn": "0.0.1"},
             {"event": "write", "txn": "0.0.1", "value": 7, "topic": "t", "partition": 1, "source": None},
             {"event": "ack", "value": 7, "offset": 3}]
    lines += [{"event": event, "txn": "0.0.1"} for event in events]
    found = transactions_of(json.dumps({"at": float(n), **line}) for n, line in enumerate(lines))
    asked = 3.0 if "commit" in events else None
    assert found == [Transaction("0.0.1", [Write(7, "t", 1, None, 3)], asked, outcome)]
