"""A message may have no body at all: a header frame, and no body frame after it."""

import pika
from session import connect, expect, take

connection = connect()
channel = connection.channel()
queue = channel.queue_declare("", exclusive=True).method.queue
for number in range(3):
    properties = pika.BasicProperties(headers={"number": number})
    channel.basic_publish("", queue, b"" if number < 2 else b"end", properties)

method, properties, body = channel.basic_get(queue, auto_ack=True)
expect("by get", (properties.headers, body, method.message_count), ({"number": 0}, b"", 2))
delivered = [(properties.headers, body) for _, properties, body in take(channel, queue, 2)]
expect("by consume", delivered, [({"number": 1}, b""), ({"number": 2}, b"end")])
connection.close()
