/* A call over queues: a request names the queue for its answer, and an id the answer repeats. */

#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const QUEUE = "c.squares";

/* Answers `calls` requests with the square of their number, in a process of its own. */
static void serve(int calls) {
  amqp_connection_state_t connection = connect_to_broker();
  amqp_bytes_t queue = amqp_cstring_bytes(QUEUE);
  amqp_basic_consume(connection, 1, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  expect_ok(connection, "basic.consume");
  for (; calls > 0; calls--) {
    amqp_envelope_t request = next_delivery(connection);
    amqp_basic_properties_t *asked = &request.message.properties;
    char body[32];
    snprintf(body, sizeof body, "%.*s", (int)request.message.body.len,
             (char *)request.message.body.bytes);
    long number = strtol(body, NULL, 10);
    char text[32];
    snprintf(text, sizeof text, "%ld", number * number);
    amqp_basic_properties_t answer = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                      .correlation_id = asked->correlation_id};
    publish(connection, asked->reply_to, false, &answer, text);
    int status = amqp_basic_ack(connection, 1, request.delivery_tag, false);
    expect(status == AMQP_STATUS_OK, "to acknowledge");
    amqp_destroy_envelope(&request);
  }
  disconnect(connection);
}

int main(void) {
  amqp_connection_state_t connection = connect_to_broker();
  amqp_queue_declare(connection, 1, amqp_cstring_bytes(QUEUE), 0, 0, 0, 0, amqp_empty_table);
  expect_ok(connection, "queue.declare");
  pid_t server = fork();
  if (server == 0) {
    serve(4);
    return EXIT_SUCCESS;
  }

  amqp_queue_declare_ok_t *declared =
      amqp_queue_declare(connection, 1, amqp_empty_bytes, 0, 0, 1, 0, amqp_empty_table);
  expect_ok(connection, "queue.declare");
  amqp_bytes_t replies = amqp_bytes_malloc_dup(declared->queue);
  expect(replies.len > 8, "a name from the broker");
  amqp_basic_consume(connection, 1, replies, amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
  expect_ok(connection, "basic.consume");

  for (int number = 1; number <= 4; number++) {
    char id[32], text[32];
    snprintf(id, sizeof id, "call-%d", number);
    snprintf(text, sizeof text, "%d", number);
    amqp_basic_properties_t request = {
        ._flags = AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG,
        .reply_to = replies,
        .correlation_id = amqp_cstring_bytes(id)};
    publish(connection, amqp_cstring_bytes(QUEUE), false, &request, text);
  }
  for (int number = 1; number <= 4; number++) {
    char id[32], text[32];
    snprintf(id, sizeof id, "call-%d", number);
    snprintf(text, sizeof text, "%d", number * number);
    amqp_envelope_t answer = next_delivery(connection);
    expect(answer.delivery_tag == (uint64_t)number, "tag %d, got %" PRIu64, number,
           answer.delivery_tag);
    expect(is(answer.message.properties.correlation_id, id), "the answer to %s", id);
    expect(is(answer.message.body, text), "%s as answer to %s", text, id);
    amqp_destroy_envelope(&answer);
  }

  int status = -1;
  expect(waitpid(server, &status, 0) == server && status == 0, "the server to end well");
  amqp_queue_delete_ok_t *deleted =
      amqp_queue_delete(connection, 1, amqp_cstring_bytes(QUEUE), 1, 1);
  expect_ok(connection, "queue.delete");
  expect(deleted->message_count == 0, "an empty queue");
  amqp_bytes_free(replies);
  disconnect(connection);
  return EXIT_SUCCESS;
}
