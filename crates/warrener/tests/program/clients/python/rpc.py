"""A call over queues: a request names the queue for its answer, and an id the answer repeats."""

import sys
import threading

import pika
from session import connect, expect

QUEUE = "py.squares"


def serve(connection):
    """Answers with the square of each number; of two requests the later is answered first."""
    waiting = []

    def answer(channel, method, properties, body):
        waiting.append((method.delivery_tag, properties, int(body) ** 2))
        if len(waiting) == 2:
            for tag, asked, result in reversed(waiting):
                reply = pika.BasicProperties(correlation_id=asked.correlation_id)
                channel.basic_publish("", asked.reply_to, str(result).encode(), reply)
                channel.basic_ack(tag)
            waiting.clear()

    channel = connection.channel()
    channel.basic_consume(QUEUE, answer)
    channel.start_consuming()


connection = connect()
channel = connection.channel()
channel.queue_declare(QUEUE)
server = connect()
thread = threading.Thread(target=serve, args=[server], daemon=True)
thread.start()

replies = channel.queue_declare("", exclusive=True).method.queue
for number in [3, 5, 8, 13]:
    request = pika.BasicProperties(reply_to=replies, correlation_id=f"call-{number}")
    channel.basic_publish("", QUEUE, str(number).encode(), request)
answers = []
for method, properties, body in channel.consume(replies, auto_ack=True, inactivity_timeout=10):
    if method is None:
        sys.exit(f"no answer for 10 seconds, only {answers}")
    answers.append((properties.correlation_id, int(body)))
    if len(answers) == 4:
        break
expect("answers", answers, [("call-5", 25), ("call-3", 9), ("call-13", 169), ("call-8", 64)])

channel.cancel()
channel.queue_delete(QUEUE)
# Its queue is gone, so the server is told that nothing more will come, and stops.
thread.join(10)
expect("server still consumes", thread.is_alive(), False)
connection.close()
