"""A headers exchange compares the message's headers with the binding's arguments."""

import pika
from session import bodies, connect, expect

connection = connect()
channel = connection.channel()
channel.exchange_declare("py.parcels", exchange_type="headers")


def bound_with(**arguments):
    queue = channel.queue_declare("", exclusive=True).method.queue
    named = {key.replace("_", "-", 1): value for key, value in arguments.items()}
    channel.queue_bind(queue, "py.parcels", arguments=named)
    return queue


both = bound_with(x_match="all", fragile=True, weight=3)
either = bound_with(x_match="any", fragile=True, weight=3)
unsaid = bound_with(fragile=True, weight=3)

for name, headers in {
    b"vase": {"fragile": True, "weight": 3},
    b"painting": {"fragile": True, "weight": 30},
    b"dumb-bell": {"fragile": False, "weight": 3, "colour": "grey"},
    b"feather": {"fragile": False},
    b"letter": None,
}.items():
    channel.basic_publish("py.parcels", "ignored", name, pika.BasicProperties(headers=headers))

expect("all", bodies(channel, both, 1), [b"vase"])
expect("any", bodies(channel, either, 3), [b"vase", b"painting", b"dumb-bell"])
expect("x-match left out", bodies(channel, unsaid, 1), [b"vase"])

channel.exchange_delete("py.parcels")
connection.close()
