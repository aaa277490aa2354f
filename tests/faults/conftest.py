"""Fixtures of the fault tests."""

import random

import pytest

from harness.disks import LoopDisk, Refused, SickDisk, TearingDisk

SEED = 20261121


@pytest.fixture
def chance():
    """Randomness from one seed, so that a failure can be looked at again."""
    return random.Random(SEED)


@pytest.fixture
def make_disk(tmp_path):
    """Makes disks that go away with the test; skips where the machine gives none."""
    made = []

    def make(kind, *arguments):
        try:
            disk = kind(tmp_path / f"disk-{len(made)}", *arguments)
            made.append(disk)
            disk.mount()
            return disk
        except Refused as reason:
            pytest.skip(f"this machine gives no such disk: {reason}")

    yield make
    for disk in made:
        disk.close()


@pytest.fixture
def loop_disk(make_disk):
    """Mounts an image of that many megabytes."""
    return lambda megabytes: make_disk(LoopDisk, megabytes)


@pytest.fixture
def tearing_disk(make_disk):
    """Mounts a disk that tears writes."""
    return lambda megabytes, seed=1: make_disk(TearingDisk, megabytes, seed)


@pytest.fixture
def sick_disk(make_disk):
    """Mounts a disk whose flushes can be made to take long or to fail."""
    return lambda megabytes: make_disk(SickDisk, megabytes)
