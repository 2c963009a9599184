"""One producer, one queue, one consumer."""

from session import connect, expect, take

producer = connect()
channel = producer.channel()
declared = channel.queue_declare("py.hello").method
expect(
    "declare-ok",
    (declared.queue, declared.message_count, declared.consumer_count),
    ("py.hello", 0, 0),
)
channel.basic_publish(exchange="", routing_key="py.hello", body=b"Hello, warren!")
producer.close()

consumer = connect()
channel = consumer.channel()
[(method, _, body)] = take(channel, "py.hello", 1)
expect("body", body, b"Hello, warren!")
expect("exchange", method.exchange, "")
expect("routing key", method.routing_key, "py.hello")
expect("delivery tag", method.delivery_tag, 1)
expect("redelivered", method.redelivered, False)
channel.queue_delete("py.hello")
consumer.close()
