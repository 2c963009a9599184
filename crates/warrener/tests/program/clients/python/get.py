"""basic.get asks for one message, and is told how many are left, or that there is none."""

import pika
from session import connect, expect

connection = connect()
channel = connection.channel()
queue = channel.queue_declare("", exclusive=True).method.queue
expect("get from an empty queue", channel.basic_get(queue), (None, None, None))

for name in ["one", "two", "three"]:
    channel.basic_publish("", queue, name.encode(), pika.BasicProperties(type=name))
for number, name in enumerate(["one", "two"], start=1):
    method, properties, body = channel.basic_get(queue)
    expect("body and type", (body, properties.type), (name.encode(), name))
    expect("address", (method.exchange, method.routing_key), ("", queue))
    expect("tag and rest", (method.delivery_tag, method.message_count), (number, 3 - number))
    expect("redelivered", method.redelivered, False)

# Two are held here, so one is ready; without acknowledgement a get takes it for good.
method, _, body = channel.basic_get(queue, auto_ack=True)
expect("the last", (body, method.message_count), (b"three", 0))
expect("get while all are held", channel.basic_get(queue), (None, None, None))

channel.basic_ack(1)
channel.close()
channel = connection.channel()
method, _, body = channel.basic_get(queue)
expect("the one that was not acknowledged", (body, method.redelivered), (b"two", True))
channel.basic_ack(method.delivery_tag)
expect("messages left", channel.queue_delete(queue).method.message_count, 0)
connection.close()
