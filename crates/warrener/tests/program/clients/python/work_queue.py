"""Workers share a queue, one task at a time each; a dead worker's task is done by another."""

import subprocess
import sys

import pika
from session import connect, expect

QUEUE = "py.tasks"


def hold_one_task():
    """A worker that takes a task, says which, and never finishes it."""

    def hold(_channel, _method, _properties, body):
        print(body.decode(), flush=True)

    channel = connect().channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(QUEUE, hold)
    channel.start_consuming()


def kill_a_worker():
    connection = connect()
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
    for number in range(1, 7):
        persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        channel.basic_publish("", QUEUE, f"task {number}".encode(), persistent)

    victim = subprocess.Popen([sys.executable, __file__, "hold"], stdout=subprocess.PIPE, text=True)
    expect("task of the first worker", victim.stdout.readline(), "task 1\n")

    # The first worker may hold one task, so all the others come here, in order.
    channel.basic_qos(prefetch_count=1)
    done = []
    for method, properties, body in channel.consume(QUEUE, inactivity_timeout=10):
        if method is None:
            sys.exit(f"no task for 10 seconds; done so far: {done}")
        expect("delivery mode", properties.delivery_mode, 2)
        done.append((body.decode(), method.redelivered))
        channel.basic_ack(method.delivery_tag)
        if len(done) == 5:
            victim.kill()
            victim.wait()
        if len(done) == 6:
            break
    others = [(f"task {number}", False) for number in range(2, 7)]
    expect("tasks of the second worker", done, others + [("task 1", True)])

    channel.cancel()
    deleted = channel.queue_delete(QUEUE).method
    expect("tasks left", deleted.message_count, 0)
    connection.close()


if sys.argv[1:] == ["hold"]:
    hold_one_task()
else:
    kill_a_worker()
