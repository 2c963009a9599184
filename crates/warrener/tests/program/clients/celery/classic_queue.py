"""Tasks on a classic queue, their results by RPC."""

from celery import group
from session import DEADLINE, add, worker

with worker():
    results = group(add.s(number, 1) for number in range(100)).apply_async()
    assert results.get(timeout=DEADLINE) == [number + 1 for number in range(100)]
