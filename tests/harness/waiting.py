"""Waiting for a condition with a deadline, because sleeps make tests slow and flaky at once."""

import time


def wait_until(condition, seconds, what, interval_seconds=0.02):
    """Polls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(interval_seconds)
