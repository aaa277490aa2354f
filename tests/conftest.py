"""Fixtures of the whole-system tests; `README.md` says how they are laid out."""

import os
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.broker import Broker  # noqa: E402
from harness.clients import DRIVERS  # noqa: E402

EXTERNAL = os.environ.get("HIGHWATER_TEST_BOOTSTRAP")


class ExternalBroker:
    """A broker somebody else runs: it can be used, and neither restarted nor looked into."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def is_alive(self):
        return True


def _allowed(request):
    return [mark.args[0] for mark in request.node.iter_markers("allow_log")]


@pytest.fixture(scope="session")
def session_broker(tmp_path_factory):
    """The broker that all tests share which do not harm it."""
    if EXTERNAL:
        yield ExternalBroker(EXTERNAL)
        return
    broker = Broker(tmp_path_factory.mktemp("shared-broker"))
    broker.start()
    yield broker
    if broker.is_alive():
        broker.stop()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Remembers a failure for the fixtures that are torn down after it."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def broker(session_broker, request):
    """The shared broker; the test fails if the broker logs something unexpected meanwhile."""
    if EXTERNAL:
        yield session_broker
        return
    if not session_broker.is_alive():
        session_broker.start()
    since = session_broker.log_size()
    yield session_broker
    if request.node.stash.get(FAILED, False):
        # Whatever state the failure left it in, the next test is not to blame.
        session_broker.kill()
        return
    assert session_broker.is_alive(), f"the broker died:\n{session_broker.log_tail()}"
    lines = session_broker.suspicious_lines(_allowed(request), since)
    assert not lines, "unexpected lines in the broker's log:\n" + "\n".join(lines[:20])


@pytest.fixture
def make_broker(tmp_path, request):
    """Makes brokers that belong to this test alone; they are killed at its end."""
    if EXTERNAL:
        pytest.skip("needs a broker of its own, and HIGHWATER_TEST_BOOTSTRAP names a running one")
    made = []

    def make(settings=None, data=None):
        broker = Broker(tmp_path / f"broker-{len(made)}", settings, data)
        made.append(broker)
        return broker

    yield make
    for broker in made:
        broker.kill()
    for broker in made:
        lines = broker.suspicious_lines(_allowed(request))
        assert not lines, "unexpected lines in the broker's log:\n" + "\n".join(lines[:20])


@pytest.fixture
def own_broker(make_broker):
    """A started broker that belongs to this test alone."""
    broker = make_broker()
    broker.start()
    return broker


@pytest.fixture
def topic():
    """A topic name that nobody used before."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=DRIVERS, ids=lambda d: d.name)
def client(request):
    """Every client in turn."""
    reason = request.param.unusable()
    if reason:
        pytest.skip(f"{request.param}: {reason}")
    return request.param
