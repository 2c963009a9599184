"""Many tasks for later in front of one for now: the worker asks for more than its prefetch while it waits."""

import time

from session import DEADLINE, turn, worker

MANY = 20


def round_of(countdown):
    """The turns of the task for now and of those for later, and whether later was still to come when now was over."""
    begun = time.monotonic()
    later = [turn.apply_async(countdown=countdown) for _ in range(MANY)]
    now = turn.delay().get(timeout=DEADLINE)
    in_time = time.monotonic() - begun < countdown
    return now, [result.get(timeout=DEADLINE + countdown) for result in later], in_time


with worker("--prefetch-multiplier=1"):
    # On a machine that is slow beyond measure, now may take longer than later: then later has to be later.
    for number, countdown in enumerate((8, 30, 60)):
        now, later, in_time = round_of(countdown)
        first = number * (MANY + 1)
        assert sorted([now, *later]) == list(range(first, first + MANY + 1))
        if in_time:
            break
    assert in_time, "now takes a minute"
    assert now == first, "now comes before later"
