"""Negative controls: the faults these tests make are real, and the checks that judge them can fail."""

import os

import pytest

from harness import history

SIZE = 64 << 10


def write(path, flushed):
    """Writes a file, with or without flushing it and its folder."""
    with open(path, "wb") as file:
        file.write(b"\xa5" * SIZE)
        file.flush()
        if flushed:
            os.fsync(file.fileno())
    if flushed:
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def is_whole(path):
    return path.exists() and path.read_bytes() == b"\xa5" * SIZE


def check_that_a_cut_loses_what_was_not_flushed(disk):
    for i in range(10):
        write(disk.mountpoint / f"flushed-{i}", flushed=True)
        write(disk.mountpoint / f"unflushed-{i}", flushed=False)
    write(disk.mountpoint / "last", flushed=False)
    disk.cut_power()
    disk.unmount()
    disk.mount()
    assert all(is_whole(disk.mountpoint / f"flushed-{i}") for i in range(10)), "the cut took what was flushed"
    assert not is_whole(disk.mountpoint / "last"), "the cut took nothing"


def test_a_power_cut_loses_what_was_not_flushed_and_nothing_else(loop_disk):
    check_that_a_cut_loses_what_was_not_flushed(loop_disk(64))


def test_a_tearing_disk_loses_what_was_not_flushed_and_nothing_else(tearing_disk):
    check_that_a_cut_loses_what_was_not_flushed(tearing_disk(64))


GOOD = {(0, 0): 10, (0, 1): 11, (1, 0): 12}
ACKNOWLEDGED = {10: (0, 0), 11: (0, 1), 12: (1, 0)}


def test_a_history_without_faults_passes():
    history.check(GOOD, ACKNOWLEDGED, {(0, 0): 10})


@pytest.mark.parametrize("everything, before, complaint", [
    ({(0, 0): 10, (1, 0): 12}, {}, "lost"),
    ({**GOOD, (1, 1): 11}, {}, "duplicates"),
    ({(0, 0): 11, (0, 1): 10, (1, 0): 12}, {}, "other offsets"),
    ({**GOOD, (1, 1): 9}, {}, "after 12"),
    (GOOD, {(0, 1): 99}, "changed or are gone"),
    (GOOD, {(1, 1): 13}, "changed or are gone"),
])
def test_a_broken_history_is_noticed(everything, before, complaint):
    with pytest.raises(AssertionError, match=complaint):
        history.check(everything, ACKNOWLEDGED, before)
