/* The broker says of each message that it has it; one answer may stand for all before it. */

#include "session.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MESSAGES = 100 };

int main(void) {
  amqp_connection_state_t connection = connect_to_broker();
  amqp_bytes_t queue = amqp_cstring_bytes("c.ledger");
  amqp_queue_declare(connection, 1, queue, 0, 1, 0, 0, amqp_empty_table);
  expect_ok(connection, "queue.declare");
  amqp_confirm_select(connection, 1);
  expect_ok(connection, "confirm.select");

  amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                        .delivery_mode = AMQP_DELIVERY_PERSISTENT};
  for (int number = 1; number <= MESSAGES; number++) {
    publish(connection, queue, true, &persistent, "entry");
  }
  bool confirmed[MESSAGES + 1] = {false};
  for (int left = MESSAGES; left > 0;) {
    amqp_basic_ack_t *ack = expect_method(connection, AMQP_BASIC_ACK_METHOD);
    uint64_t last = ack->delivery_tag;
    expect(last >= 1 && last <= MESSAGES, "a tag that was used, got %" PRIu64, last);
    expect(!confirmed[last], "%" PRIu64 " to be confirmed once", last);
    for (uint64_t tag = ack->multiple ? 1 : last; tag <= last; tag++) {
      left -= !confirmed[tag];
      confirmed[tag] = true;
    }
    amqp_maybe_release_buffers(connection);
  }

  amqp_queue_delete_ok_t *deleted = amqp_queue_delete(connection, 1, queue, 0, 0);
  expect_ok(connection, "queue.delete");
  expect(deleted->message_count == MESSAGES, "%d messages, got %u", MESSAGES,
         deleted->message_count);
  disconnect(connection);
  return EXIT_SUCCESS;
}
