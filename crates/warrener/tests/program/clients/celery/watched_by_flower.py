"""Flower watches workers and tasks by their events."""

import json
import os
import socket
import urllib.request

from session import DEADLINE, add, celery, kill, until, worker

os.environ["FLOWER_UNAUTHENTICATED_API"] = "true"
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]


def ask(path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


flower = celery("flower", "--address=127.0.0.1", f"--port={port}")
try:
    with worker("--task-events"):
        until(lambda: ask("workers?refresh=1"), flower)
        done = add.delay(20, 22)
        assert done.get(timeout=DEADLINE) == 42
        task = until(lambda: (ask("tasks") or {}).get(done.id), flower)
        until(lambda: ask("tasks")[done.id]["state"] == "SUCCESS", flower)
        assert task["name"] == "session.add", task
finally:
    kill(flower)
