"""Every queue is bound to the nameless exchange by its own name, and nobody can change that."""

import pika
from session import bodies, connect, expect

connection = connect()
channel = connection.channel()
channel.queue_declare("py.letters")
channel.queue_declare("py.bills")

channel.basic_publish("", "py.letters", b"dear all")
channel.basic_publish("", "py.bills", b"12.50")
channel.basic_publish("", "py.nobody", b"dropped without a word")
expect("letters", bodies(channel, "py.letters", 1), [b"dear all"])
expect("bills", bodies(channel, "py.bills", 1), [b"12.50"])

for refused in [
    lambda channel: channel.queue_bind("py.letters", "", routing_key="py.bills"),
    lambda channel: channel.queue_unbind("py.letters", "", routing_key="py.letters"),
    lambda channel: channel.exchange_delete(""),
]:
    try:
        refused(connection.channel())
        expect("a change of the default exchange", "accepted", "refused")
    except pika.exceptions.ChannelClosedByBroker as closed:
        text = "ACCESS_REFUSED - operation not permitted on the default exchange"
        expect("refusal", (closed.reply_code, closed.reply_text), (403, text))

channel.queue_delete("py.letters")
channel.queue_delete("py.bills")
connection.close()
