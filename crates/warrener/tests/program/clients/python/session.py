"""What every program here begins with: a connection to the broker under test, and a deadline."""

import os
import signal
import sys

import pika

# Whoever waits for ever is killed by this alarm, and has failed.
signal.alarm(30)


def connect():
    """A connection to the broker that AMQP_URL names."""
    return pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))


def expect(what, actual, wanted):
    """Ends the program unless `actual` is exactly `wanted`."""
    if actual != wanted:
        sys.exit(f"{what}: expected {wanted!r}, got {actual!r}")


def take(channel, queue, count):
    """Consumes exactly `count` messages, acknowledges them, and expects no more to be there."""
    taken = []
    for method, properties, body in channel.consume(queue, inactivity_timeout=10):
        if method is None:
            sys.exit(f"{queue}: got {len(taken)} messages of {count} in 10 seconds")
        channel.basic_ack(method.delivery_tag)
        taken.append((method, properties, body))
        if len(taken) == count:
            break
    expect(f"messages of {queue} handed out beyond {count}", channel.cancel(), 0)
    expect(f"messages left in {queue}", left_in(channel, queue), 0)
    return taken


def bodies(channel, queue, count):
    """The bodies of exactly `count` messages, in order."""
    return [body for _, _, body in take(channel, queue, count)]


def left_in(channel, queue):
    """How many messages wait in `queue`."""
    return channel.queue_declare(queue, passive=True).method.message_count
