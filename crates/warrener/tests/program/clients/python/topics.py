"""A topic exchange matches words: `*` stands for one, `#` for any number, none included."""

from session import connect, expect, take

connection = connect()
channel = connection.channel()
channel.exchange_declare("py.harvest", exchange_type="topic")

# Who listens to what, and which of the keys below each must hear, in order.
LISTENERS = {
    ("eu.*.wheat",): ["eu.fr.wheat"],
    ("#.wheat",): ["eu.fr.wheat", "wheat", "us.wheat"],
    ("eu.#",): ["eu.fr.wheat", "eu", "eu.es.rice.white"],
    ("*.*", "us.#"): ["us.wheat"],
    ("#",): ["eu.fr.wheat", "wheat", "eu", "us.wheat", "eu.es.rice.white", "", "EU"],
    ("eu.#.white", "eu"): ["eu", "eu.es.rice.white"],
    ("*",): ["wheat", "eu", "EU"],
}
KEYS = ["eu.fr.wheat", "wheat", "eu", "us.wheat", "eu.es.rice.white", "", "EU"]

queues = {}
for patterns in LISTENERS:
    queues[patterns] = channel.queue_declare("", exclusive=True).method.queue
    for pattern in patterns:
        channel.queue_bind(queues[patterns], "py.harvest", routing_key=pattern)
for key in KEYS:
    channel.basic_publish("py.harvest", key, b"grain")
for patterns, wanted in LISTENERS.items():
    heard = [method.routing_key for method, _, _ in take(channel, queues[patterns], len(wanted))]
    expect(f"keys heard by {patterns}", heard, wanted)

channel.exchange_delete("py.harvest")
connection.close()
