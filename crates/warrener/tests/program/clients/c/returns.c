/* A mandatory message that reaches no queue comes back whole, with the reason. */

#include "session.h"

#include <stdlib.h>

int main(void) {
  amqp_connection_state_t connection = connect_to_broker();
  amqp_basic_properties_t properties = {
      ._flags = AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
      .message_id = amqp_cstring_bytes("m-1"),
      .delivery_mode = AMQP_DELIVERY_PERSISTENT};
  publish(connection, amqp_cstring_bytes("c.nobody"), true, &properties, "come back");
  publish(connection, amqp_cstring_bytes("c.nobody"), false, &properties, "do not");
  publish(connection, amqp_cstring_bytes("c.nobody"), true, &properties, "");

  static const char *const RETURNED[] = {"come back", ""};
  for (size_t index = 0; index < 2; index++) {
    amqp_basic_return_t *returned = expect_method(connection, AMQP_BASIC_RETURN_METHOD);
    expect(returned->reply_code == AMQP_NO_ROUTE, "312, got %d", returned->reply_code);
    expect(is(returned->reply_text, "NO_ROUTE"), "NO_ROUTE");
    expect(is(returned->exchange, ""), "the default exchange");
    expect(is(returned->routing_key, "c.nobody"), "the routing key");

    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(connection, 1, &message, 0);
    expect(reply.reply_type == AMQP_RESPONSE_NORMAL, "the whole message");
    expect(is(message.body, RETURNED[index]), "the body `%s`", RETURNED[index]);
    expect(message.properties._flags == properties._flags, "the same properties");
    expect(is(message.properties.message_id, "m-1"), "the message id");
    expect(message.properties.delivery_mode == AMQP_DELIVERY_PERSISTENT, "delivery mode 2");
    amqp_destroy_message(&message);
    amqp_maybe_release_buffers(connection);
  }
  disconnect(connection);
  return EXIT_SUCCESS;
}
