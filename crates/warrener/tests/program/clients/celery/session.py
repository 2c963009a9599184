"""An application of Celery at the broker that AMQP_URL names, and its workers as child processes.

Each program has queues, exchanges and workers of its own name, so that several can share a broker.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from celery import Celery
from kombu import Queue

DEADLINE = 45

name = os.environ.setdefault("SESSION", Path(sys.argv[0]).stem)
is_quorum = os.environ.setdefault("QUEUE_TYPE", "quorum" if name.startswith("quorum") else "classic") == "quorum"

app = Celery(f"session-{name}", broker=os.environ.get("AMQP_URL", "amqp://localhost"), backend="rpc://")
app.conf.update(
    task_default_queue=name,
    task_default_exchange=name,
    task_default_routing_key=name,
    task_queues=[Queue(name, routing_key=name, queue_arguments={"x-queue-type": "quorum"} if is_quorum else None)],
    task_default_queue_type="quorum" if is_quorum else "classic",
    worker_detect_quorum_queues=is_quorum,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    control_exchange=f"{name}-pidbox",
    event_exchange=f"{name}-events",
    result_expires=60,
)


@app.task
def add(left, right):
    return left + right


turns = iter(range(1_000_000))


@app.task
def turn():
    """How many turns this worker's process had before this one."""
    return next(turns)


@app.task(bind=True, acks_late=True, reject_on_worker_lost=True)
def wait_then_tell(self, seconds):
    """Whether the broker said that somebody may have had this task before."""
    if not self.request.delivery_info["redelivered"]:
        time.sleep(seconds)
    return self.request.delivery_info["redelivered"]


@contextlib.contextmanager
def worker(*options, instance=1):
    """A worker that is there when the block begins, and gone when it ends."""
    node = f"{name}{instance}@here"
    child = celery("worker", "--concurrency=1", f"--hostname={node}", "--loglevel=WARNING", *options)
    try:
        until(lambda: app.control.inspect([node], timeout=1).ping(), child)
        yield child
    finally:
        stop(child)


def celery(*arguments):
    """A child process, in a group of its own, so that it can be killed with its children."""
    command = [sys.executable, "-m", "celery", "--app", "session", *arguments]
    return subprocess.Popen(command, cwd=Path(__file__).parent, start_new_session=True)


def kill(child):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def stop(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        pass
    kill(child)


def until(condition, child=None):
    """Waits for what must come true."""
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert child is None or child.poll() is None, f"the child ended with {child.returncode}"
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found
