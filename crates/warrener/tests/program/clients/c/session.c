#include "session.h"

#include <amqp_tcp_socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const struct timeval PATIENCE = {.tv_sec = 20};

void expect(bool holds, const char *format, ...) {
  if (holds) return;
  va_list arguments;
  va_start(arguments, format);
  fputs("expected: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(EXIT_FAILURE);
}

amqp_connection_state_t connect_to_broker(void) {
  /* Whoever waits for ever is killed by this alarm, and has failed. */
  alarm(30);
  const char *given = getenv("AMQP_URL");
  expect(given != NULL, "AMQP_URL");
  char *url = strdup(given);
  struct amqp_connection_info peer;
  expect(amqp_parse_url(url, &peer) == AMQP_STATUS_OK, "a good URL, not %s", given);

  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  int status = amqp_socket_open_noblock(socket, peer.host, peer.port, &PATIENCE);
  expect(status == AMQP_STATUS_OK, "a connection: %s", amqp_error_string2(status));
  amqp_rpc_reply_t reply = amqp_login(connection, peer.vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 60,
                                      AMQP_SASL_METHOD_PLAIN, peer.user, peer.password);
  expect(reply.reply_type == AMQP_RESPONSE_NORMAL, "to be let in");
  free(url);
  amqp_channel_open(connection, 1);
  expect_ok(connection, "channel.open");
  return connection;
}

void expect_ok(amqp_connection_state_t connection, const char *what) {
  amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
  switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
      return;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
      expect(false, "%s, refused with %s", what, amqp_method_name(reply.reply.id));
      return;
    default:
      expect(false, "%s: %s", what, amqp_error_string2(reply.library_error));
  }
}

amqp_frame_t next_frame(amqp_connection_state_t connection) {
  amqp_frame_t frame;
  do {
    struct timeval patience = PATIENCE;
    int status = amqp_simple_wait_frame_noblock(connection, &frame, &patience);
    expect(status == AMQP_STATUS_OK, "a frame: %s", amqp_error_string2(status));
  } while (frame.frame_type == AMQP_FRAME_HEARTBEAT);
  return frame;
}

void *expect_method(amqp_connection_state_t connection, amqp_method_number_t method) {
  amqp_frame_t frame = next_frame(connection);
  expect(frame.frame_type == AMQP_FRAME_METHOD, "%s, got a frame of type %d",
         amqp_method_name(method), frame.frame_type);
  expect(frame.payload.method.id == method, "%s, got %s", amqp_method_name(method),
         amqp_method_name(frame.payload.method.id));
  expect(frame.channel == 1, "channel 1, got %d", frame.channel);
  return frame.payload.method.decoded;
}

amqp_envelope_t next_delivery(amqp_connection_state_t connection) {
  amqp_envelope_t envelope;
  struct timeval patience = PATIENCE;
  amqp_maybe_release_buffers(connection);
  amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, &patience, 0);
  expect(reply.reply_type == AMQP_RESPONSE_NORMAL, "a delivery: %s",
         amqp_error_string2(reply.library_error));
  return envelope;
}

void publish(amqp_connection_state_t connection, amqp_bytes_t queue, bool mandatory,
             const amqp_basic_properties_t *properties, const char *text) {
  int status = amqp_basic_publish(connection, 1, amqp_empty_bytes, queue, mandatory, false,
                                  properties, amqp_cstring_bytes(text));
  expect(status == AMQP_STATUS_OK, "to publish: %s", amqp_error_string2(status));
}

bool is(amqp_bytes_t bytes, const char *text) {
  return bytes.len == strlen(text) && memcmp(bytes.bytes, text, bytes.len) == 0;
}

void disconnect(amqp_connection_state_t connection) {
  amqp_rpc_reply_t reply = amqp_channel_close(connection, 1, AMQP_REPLY_SUCCESS);
  expect(reply.reply_type == AMQP_RESPONSE_NORMAL, "channel.close-ok");
  reply = amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  expect(reply.reply_type == AMQP_RESPONSE_NORMAL, "connection.close-ok");
  expect(amqp_destroy_connection(connection) == AMQP_STATUS_OK, "the socket to close");
}
