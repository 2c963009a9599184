"""Channels of one connection count, fail and close each for itself."""

import pika
from session import bodies, connect, expect

connection = connect()
channels = [connection.channel() for _ in range(10)]
expect("numbers", [channel.channel_number for channel in channels], list(range(1, 11)))

queues = [channel.queue_declare("", exclusive=True).method.queue for channel in channels]
for round_number in range(3):
    for channel, queue in zip(channels, reversed(queues)):
        channel.basic_publish("", queue, f"{queue} {round_number}".encode())
for channel, queue in zip(channels, queues):
    method, _, body = channel.basic_get(queue)
    expect(
        "tags begin anew in each channel", (method.delivery_tag, body), (1, f"{queue} 0".encode())
    )
    channel.basic_nack(1)
    expect(
        "own messages",
        bodies(channel, queue, 3),
        [f"{queue} {number}".encode() for number in range(3)],
    )

try:
    channels[4].queue_declare("py.no-such-queue", passive=True)
    expect("a missing queue", "found", "not found")
except pika.exceptions.ChannelClosedByBroker as closed:
    text = "NOT_FOUND - no queue 'py.no-such-queue' in vhost '/'"
    expect("why the channel closed", (closed.reply_code, closed.reply_text), (404, text))
expect("who is open", [channel.is_open for channel in channels], [True] * 4 + [False] + [True] * 5)

# The others work on, and the number is free again.
channels[0].basic_publish("", queues[9], b"still here")
expect("another channel", bodies(channels[9], queues[9], 1), [b"still here"])
again = connection.channel(channel_number=5)
again.basic_publish("", queues[0], b"here again")
expect("the same number", bodies(again, queues[0], 1), [b"here again"])
connection.close()
