"""A task that is acked late is done by another worker when the first is killed."""

from session import DEADLINE, app, kill, until, wait_then_tell, worker

with worker() as first:
    result = wait_then_tell.delay(600)
    until(lambda: (app.control.inspect(timeout=1).active() or {}).get("killed_worker1@here"))
    kill(first)
with worker(instance=2):
    assert result.get(timeout=DEADLINE) is True, "it says that it was delivered before"
