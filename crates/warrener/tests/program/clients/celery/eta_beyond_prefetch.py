"""Many tasks for later in front of one for now: the worker asks for more than its prefetch while it waits."""

from session import DEADLINE, turn, worker

with worker("--prefetch-multiplier=1"):
    later = [turn.apply_async(countdown=8) for _ in range(20)]
    assert turn.delay().get(timeout=DEADLINE) == 0, "now comes before later"
    assert sorted(result.get(timeout=DEADLINE) for result in later) == list(range(1, 21))
