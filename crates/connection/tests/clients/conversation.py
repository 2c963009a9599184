"""What a client does with a broker, done by pika: the port is the first argument."""

import sys

import pika
from pika.exceptions import ProbableAuthenticationError

port = int(sys.argv[1])


def connect(password):
    credentials = pika.PlainCredentials("guest", password)
    parameters = pika.ConnectionParameters("127.0.0.1", port, credentials=credentials, heartbeat=5)
    return pika.BlockingConnection(parameters)


try:
    connect("wrong")
    sys.exit("a wrong password was let in")
except ProbableAuthenticationError as refusal:
    assert "Login was refused" in str(refusal), refusal

connection = connect("guest")
channel = connection.channel()
channel.confirm_delivery()
name = channel.queue_declare("", exclusive=True).method.queue
bodies = [b"", b"small", bytes(range(256)) * 2000]
for body in bodies:
    properties = pika.BasicProperties(content_type="text/plain", headers={"key": "value"})
    channel.basic_publish("", name, body, properties)

received = []
for method, properties, body in channel.consume(name, auto_ack=True, inactivity_timeout=20):
    assert method is not None, "nothing came"
    assert properties.headers == {"key": "value"}, properties
    received.append(body)
    if len(received) == len(bodies):
        break
assert received == bodies
channel.cancel()

# Numbers are used again.
for _ in range(3):
    other = connection.channel(7)
    assert other.basic_get(name, auto_ack=True) == (None, None, None)
    other.close()
connection.close()
print("content")
