"""A message refused with requeue goes back to its place; without, it is gone."""

from session import connect, expect

connection = connect()
channel = connection.channel()
queue = channel.queue_declare("", exclusive=True).method.queue
for name in [b"a", b"b", b"c", b"d"]:
    channel.basic_publish("", queue, name)


def get():
    method, _, body = channel.basic_get(queue)
    return method.delivery_tag, body, method.redelivered


expect("first", get(), (1, b"a", False))
channel.basic_nack(1, requeue=True)
expect("back at the front", get(), (2, b"a", True))
expect("next", get(), (3, b"b", False))
channel.basic_reject(3, requeue=True)
expect("rejected and back", get(), (4, b"b", True))
expect("next", get(), (5, b"c", False))

# Everything up to 5 that is still held: a, b and c, in their old order.
channel.basic_nack(5, multiple=True, requeue=True)
expect(
    "old order",
    [get() for _ in range(4)],
    [(6, b"a", True), (7, b"b", True), (8, b"c", True), (9, b"d", False)],
)
channel.basic_reject(6, requeue=False)
channel.basic_nack(8, multiple=True, requeue=False)
channel.basic_nack(9, requeue=True)
expect("the only one left", get(), (10, b"d", True))
channel.basic_ack(10)
expect("empty", channel.basic_get(queue), (None, None, None))
connection.close()
