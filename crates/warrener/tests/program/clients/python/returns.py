"""A mandatory message that reaches no queue comes back whole, with the reason."""

import pika
from session import bodies, connect, expect

connection = connect()
channel = connection.channel()
queue = channel.queue_declare("", exclusive=True).method.queue
returned = []
channel.add_on_return_callback(lambda _channel, *message: returned.append(message))

properties = pika.BasicProperties(message_id="m-1", headers={"tries": 1})
channel.basic_publish("amq.topic", "to.nobody", b"come back", properties, mandatory=True)
channel.basic_publish("amq.topic", "to.nobody", b"do not", properties, mandatory=False)
channel.basic_publish("", queue, b"arrives", properties, mandatory=True)
# What the broker does on one channel it does in order: the return is here before the message is.
expect("delivered", bodies(channel, queue, 1), [b"arrives"])
connection.process_data_events()

[(method, properties, body)] = returned
expect("reason", (method.reply_code, method.reply_text), (312, "NO_ROUTE"))
expect("address", (method.exchange, method.routing_key), ("amq.topic", "to.nobody"))
expect("properties", (properties.message_id, properties.headers), ("m-1", {"tries": 1}))
expect("body", body, b"come back")
connection.close()
