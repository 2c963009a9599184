"""A fanout exchange gives every subscriber its own copy of everything."""

from session import bodies, connect, expect

connection = connect()
channel = connection.channel()
channel.exchange_declare("py.news", exchange_type="fanout")

subscribers = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]
channel.basic_publish("py.news", "", b"before anyone listens")
for queue in subscribers:
    channel.queue_bind(queue, "py.news")

news = [b"first", b"second", b"third"]
for number, body in enumerate(news):
    # A fanout does not look at the routing key.
    channel.basic_publish("py.news", f"ignored.{number}", body)
for queue in subscribers:
    expect(f"news in {queue}", bodies(channel, queue, 3), news)

channel.queue_unbind(subscribers[0], "py.news")
channel.basic_publish("py.news", "", b"fourth")
expect(
    "news for those who stayed",
    [bodies(channel, queue, 1) for queue in subscribers[1:]],
    [[b"fourth"]] * 2,
)
expect("news for the one who left", channel.basic_get(subscribers[0]), (None, None, None))

channel.exchange_delete("py.news")
connection.close()
