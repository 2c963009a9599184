"""A body of 10 MiB is split over frames and comes back as it was, and so do all its properties."""

import hashlib
import random

import pika
from session import connect, expect, take

body = random.Random(1).randbytes(10 * 1024 * 1024)
properties = pika.BasicProperties(
    content_type="application/octet-stream",
    content_encoding="identity",
    headers={"depth": {"of": ["tables", 1, True, None, -(2**40)]}, "long": "x" * 5000},
    delivery_mode=1,
    priority=7,
    correlation_id="c" * 255,
    reply_to="nobody",
    expiration="600000",
    message_id="id",
    timestamp=1795219200,
    type="noise",
    user_id="guest",
    app_id="large_body",
)

connection = connect()
channel = connection.channel()
queue = channel.queue_declare("", exclusive=True).method.queue
channel.basic_publish("", queue, b"before")
channel.basic_publish("", queue, body, properties)
channel.basic_publish("", queue, b"after")

before, large, after = take(channel, queue, 3)
expect("neighbours", (before[2], after[2]), (b"before", b"after"))
expect("length", len(large[2]), len(body))
expect("digest", hashlib.sha256(large[2]).digest(), hashlib.sha256(body).digest())
expect("properties", vars(large[1]), vars(properties))
connection.close()
