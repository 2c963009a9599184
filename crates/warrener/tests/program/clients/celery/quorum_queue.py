"""Tasks on a quorum queue. Celery holds later ones in queues with a time to live, and no global prefetch."""

import time

from session import DEADLINE, add, worker

with worker():
    assert add.delay(1, 2).get(timeout=DEADLINE) == 3
    sent = time.monotonic()
    later = add.apply_async((3, 4), countdown=3)
    assert add.delay(5, 6).get(timeout=DEADLINE) == 11, "those that are due do not wait"
    assert later.get(timeout=DEADLINE) == 7
    assert time.monotonic() - sent > 2, "and the other one does"
