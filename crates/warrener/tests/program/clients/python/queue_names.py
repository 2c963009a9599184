"""The broker names queues that ask for it; an exclusive queue lives as long as its connection."""

import pika
from session import bodies, connect, expect

owner = connect()
channel = owner.channel()
names = [channel.queue_declare("", exclusive=True).method.queue for _ in range(50)]
expect("prefix of the names", {name[: len("amq.gen-")] for name in names}, {"amq.gen-"})
expect("different names", len(set(names)), 50)

# The empty name means the queue that this channel declared last.
channel.queue_bind("", "amq.direct", routing_key="py.last")
channel.basic_publish("amq.direct", "py.last", b"found")
expect("the last queue declared", bodies(channel, names[-1], 1), [b"found"])

stranger = connect()
try:
    stranger.channel().queue_declare(names[0], passive=True)
    expect("a stranger at an exclusive queue", "let in", "kept out")
except pika.exceptions.ChannelClosedByBroker as closed:
    expect("code for a stranger", closed.reply_code, 405)
    text = f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{names[0]}'"
    expect("text for a stranger", closed.reply_text[: len(text)], text)

owner.close()
try:
    stranger.channel().queue_declare(names[0], passive=True)
    expect("an exclusive queue without its owner", "still there", "gone")
except pika.exceptions.ChannelClosedByBroker as closed:
    text = f"NOT_FOUND - no queue '{names[0]}' in vhost '/'"
    expect("after its owner left", (closed.reply_code, closed.reply_text), (404, text))
stranger.close()
