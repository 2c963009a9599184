"""The broker says of each message that it has it, or that nobody wanted a mandatory one."""

import pika
from session import bodies, connect, expect

connection = connect()
channel = connection.channel()
channel.queue_declare("py.ledger", durable=True)
channel.confirm_delivery()

persistent = pika.BasicProperties(delivery_mode=2)
for number in range(20):
    # Returns when the confirm is there, and raises when it is negative.
    channel.basic_publish("", "py.ledger", f"entry {number}".encode(), persistent, mandatory=True)

try:
    channel.basic_publish("", "py.no-such-ledger", b"lost", persistent, mandatory=True)
    expect("an unroutable mandatory message", "accepted", "returned")
except pika.exceptions.UnroutableError as unroutable:
    [returned] = unroutable.messages
    expect("reason", (returned.method.reply_code, returned.method.reply_text), (312, "NO_ROUTE"))
    expect("returned body", returned.body, b"lost")

# Unroutable and not mandatory: confirmed, since nothing was asked to keep it.
channel.basic_publish("", "py.no-such-ledger", b"lost", persistent)

wanted = [f"entry {number}".encode() for number in range(20)]
expect("ledger", bodies(channel, "py.ledger", 20), wanted)
channel.queue_delete("py.ledger")
connection.close()
