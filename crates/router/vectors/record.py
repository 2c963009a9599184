#!/usr/bin/env python3
"""Asks a RabbitMQ where it routes every message of rabbitmq.json, and writes its answers into that file.

    ./record.py amqp://guest:guest@localhost:5672/%2F            # write
    ./record.py --check amqp://guest:guest@localhost:5672/%2F    # compare only

It needs Python's standard library and a broker where it may declare exchanges whose names begin with "vectors.".
"""

import json
import pathlib
import socket
import struct
import sys
import urllib.parse

FILE = pathlib.Path(__file__).with_name("rabbitmq.json")
PREFIX = "vectors."


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    (uri,) = [argument for argument in arguments if argument != "--check"]
    document = json.loads(FILE.read_text())
    broker = Broker(uri)
    document["recorded_from"] = f"{broker.product} {broker.version}"
    differences = 0
    for scenario in document["scenarios"]:
        for message, queues in zip(scenario["messages"], record(broker, scenario)):
            if message.get("queues") != queues:
                differences += 1
                print(scenario["name"], json.dumps(message), "goes to", queues)
            message["queues"] = queues
    print(differences, "differences")
    if check:
        sys.exit(differences > 0)
    FILE.write_text(written(document))


def record(broker, scenario):
    """The sorted queues that each message of a scenario reaches."""
    for exchange in scenario["exchanges"]:
        arguments = {}
        if "alternate" in exchange:
            arguments["alternate-exchange"] = {"text": PREFIX + exchange["alternate"]}
        broker.declare_exchange(PREFIX + exchange["name"], exchange["kind"], arguments)
    queues = sorted({binding["queue"] for binding in scenario["bindings"] if "queue" in binding})
    for queue in queues:
        broker.declare_queue(PREFIX + queue)
    for binding in scenario["bindings"]:
        broker.bind(
            PREFIX + binding["source"],
            "queue" in binding,
            PREFIX + binding.get("queue", binding.get("exchange", "")),
            binding["key"],
            binding.get("arguments", {}),
        )
    for queue in queues:
        broker.consume(PREFIX + queue)
    for number, message in enumerate(scenario["messages"]):
        headers = dict(message.get("headers", {}))
        for name in ("CC", "BCC"):
            if name in message:
                headers[name] = {"array": [{"text": key} for key in message[name]]}
        broker.publish(PREFIX + message["exchange"], message["key"], headers, str(number))
    # A queue hands out in order: its copy of the last message says that it has shown all others.
    for queue in queues:
        broker.publish("", PREFIX + queue, {}, "end")
    reached = [set() for _ in scenario["messages"]]
    waiting = set(queues)
    while waiting:
        queue, body = broker.delivery()
        queue = queue.removeprefix(PREFIX)
        if body == "end":
            waiting.remove(queue)
        else:
            assert queue not in reached[int(body)], "a queue gets each message once"
            reached[int(body)].add(queue)
    for queue in queues:
        broker.delete_queue(PREFIX + queue)
    for exchange in scenario["exchanges"]:
        broker.delete_exchange(PREFIX + exchange["name"])
    return [sorted(queues) for queues in reached]


def written(document):
    """One line for each exchange, binding and message."""
    line = lambda value: json.dumps(value, ensure_ascii=False)
    parts = ["{"]
    for name, value in document.items():
        if name != "scenarios":
            parts.append(f"  {line(name)}: {line(value)},")
    parts.append('  "scenarios": [')
    scenarios = []
    for scenario in document["scenarios"]:
        fields = []
        for name, value in scenario.items():
            if isinstance(value, list):
                rows = ",\n".join("        " + line(row) for row in value)
                fields.append(f"      {line(name)}: [\n{rows}\n      ]")
            else:
                fields.append(f"      {line(name)}: {line(value)}")
        scenarios.append("    {\n" + ",\n".join(fields) + "\n    }")
    parts.append(",\n".join(scenarios))
    parts.append("  ]\n}\n")
    return "\n".join(parts)


def short(text):
    encoded = text.encode()
    return struct.pack("!B", len(encoded)) + encoded


def long(encoded):
    return struct.pack("!I", len(encoded)) + encoded


def table(pairs):
    return long(b"".join(short(name) + value(typed) for name, typed in pairs.items()))


PLAIN = {
    "int8": ("b", "b"), "uint8": ("B", "B"), "int16": ("s", "h"), "uint16": ("u", "H"), "int32": ("I", "i"),
    "uint32": ("i", "I"), "int64": ("l", "q"), "float": ("f", "f"), "double": ("d", "d"), "timestamp": ("T", "Q"),
}


def value(typed):
    """A field value; `typed` is an object of one member, which is named after its type."""
    ((kind, content),) = typed.items()
    if kind in PLAIN:
        tag, layout = PLAIN[kind]
        return tag.encode() + struct.pack("!" + layout, content)
    if kind == "void":
        return b"V"
    if kind == "bool":
        return b"t" + bytes([content])
    if kind == "text":
        return b"S" + long(content.encode())
    if kind == "bytes":
        return b"x" + long(bytes.fromhex(content))
    if kind == "decimal":
        return b"D" + struct.pack("!Bi", *content)
    if kind == "table":
        return b"F" + table(content)
    if kind == "array":
        return b"A" + long(b"".join(value(member) for member in content))
    raise ValueError(kind)


class Broker:
    """As much of a client as this needs."""

    def __init__(self, uri):
        uri = urllib.parse.urlsplit(uri)
        user, password = uri.username or "guest", uri.password or "guest"
        vhost = urllib.parse.unquote(uri.path[1:]) or "/"
        self.stream = socket.create_connection((uri.hostname, uri.port or 5672)).makefile("rwb")
        self.stream.write(b"AMQP\0\0\x09\x01")
        start = self.expect(10, 10)
        self.product, self.version = (self.text_after(start, name) for name in (b"product", b"version"))
        login = f"\0{user}\0{password}".encode()
        self.send(10, 11, table({}) + short("PLAIN") + long(login) + short("en_US"), channel=0)
        self.expect(10, 30)
        self.send(10, 31, struct.pack("!HIH", 1, 131072, 0), channel=0)
        self.send(10, 40, short(vhost) + b"\0\0", channel=0)
        self.expect(10, 41)
        self.send(20, 10, short(""))
        self.expect(20, 11)

    def declare_exchange(self, name, kind, arguments):
        self.send(40, 10, b"\0\0" + short(name) + short(kind) + b"\0" + table(arguments))
        self.expect(40, 11)

    def delete_exchange(self, name):
        self.send(40, 20, b"\0\0" + short(name) + b"\0")
        self.expect(40, 21)

    def declare_queue(self, name):
        exclusive = 4
        self.send(50, 10, b"\0\0" + short(name) + bytes([exclusive]) + table({}))
        self.expect(50, 11)

    def delete_queue(self, name):
        self.send(50, 40, b"\0\0" + short(name) + b"\0")
        self.expect(50, 41)

    def bind(self, source, to_queue, target, key, arguments):
        names = short(target) + short(source) + short(key) + b"\0" + table(arguments)
        self.send(50 if to_queue else 40, 20 if to_queue else 30, b"\0\0" + names)
        self.expect(*((50, 21) if to_queue else (40, 31)))

    def consume(self, queue):
        no_ack = 2
        self.send(60, 20, b"\0\0" + short(queue) + short(queue) + bytes([no_ack]) + table({}))
        self.expect(60, 21)

    def publish(self, exchange, key, headers, body):
        self.send(60, 40, b"\0\0" + short(exchange) + short(key) + b"\0")
        has_headers = 1 << 13
        body = body.encode()
        self.frame(2, 1, struct.pack("!HHQH", 60, 0, len(body), has_headers) + table(headers))
        self.frame(3, 1, body)

    def delivery(self):
        """The queue and the body of the next message; the consumer's tag is the queue's name."""
        arguments = self.expect(60, 60)
        queue = arguments[1 : 1 + arguments[0]].decode()
        self.read_frame()
        return queue, self.read_frame()[1].decode()

    def send(self, class_id, method_id, arguments, channel=1):
        self.frame(1, channel, struct.pack("!HH", class_id, method_id) + arguments)

    def frame(self, kind, channel, payload):
        self.stream.write(struct.pack("!BHI", kind, channel, len(payload)) + payload + b"\xce")

    def expect(self, class_id, method_id):
        kind, payload = self.read_frame()
        assert kind == 1 and struct.unpack("!HH", payload[:4]) == (class_id, method_id), payload
        return payload[4:]

    def read_frame(self):
        self.stream.flush()
        kind, _, length = struct.unpack("!BHI", self.stream.read(7))
        payload = self.stream.read(length)
        assert self.stream.read(1) == b"\xce"
        return kind, payload

    @staticmethod
    def text_after(payload, name):
        at = payload.index(short(name.decode()) + b"S") + len(name) + 2
        (length,) = struct.unpack("!I", payload[at : at + 4])
        return payload[at + 4 : at + 4 + length].decode()


if __name__ == "__main__":
    main()
