"""A direct exchange routes by the exact key; queues have many keys, and keys many queues."""

from session import connect, expect, take

connection = connect()
channel = connection.channel()
channel.exchange_declare("py.alarms", exchange_type="direct")

pager = channel.queue_declare("", exclusive=True).method.queue
archive = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(pager, "py.alarms", routing_key="fire")
for kind in ["fire", "flood", "mouse"]:
    channel.queue_bind(archive, "py.alarms", routing_key=kind)
# The same binding twice is one binding: no message comes twice.
channel.queue_bind(archive, "py.alarms", routing_key="fire")

for kind in ["mouse", "fire", "Fire", "", "flood", "fire"]:
    channel.basic_publish("py.alarms", kind, f"{kind}!".encode())


def received(queue, count):
    return [
        (method.exchange, method.routing_key, body)
        for method, _, body in take(channel, queue, count)
    ]


fire, flood, mouse = [
    ("py.alarms", kind, f"{kind}!".encode()) for kind in ["fire", "flood", "mouse"]
]
expect("pager", received(pager, 2), [fire, fire])
expect("archive", received(archive, 4), [mouse, fire, flood, fire])

channel.exchange_delete("py.alarms")
connection.close()
