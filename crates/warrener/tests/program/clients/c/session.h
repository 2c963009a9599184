/* What every program here begins with: a connection to the broker under test, and a deadline. */

#pragma once

#include <amqp.h>
#include <stdbool.h>
#include <stddef.h>

/* Ends the program with a message unless the condition holds. */
void expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A connection to the broker that AMQP_URL names, with channel 1 open. */
amqp_connection_state_t connect_to_broker(void);

/* Ends the program unless the last call on this connection was answered as it should be. */
void expect_ok(amqp_connection_state_t connection, const char *what);

/* Waits for the next frame; a heartbeat is not one. */
amqp_frame_t next_frame(amqp_connection_state_t connection);

/* Waits for a method, which must be this one, and returns its arguments. */
void *expect_method(amqp_connection_state_t connection, amqp_method_number_t method);

/* Waits for the next delivery. */
amqp_envelope_t next_delivery(amqp_connection_state_t connection);

/* Publishes text to the default exchange. */
void publish(amqp_connection_state_t connection, amqp_bytes_t queue, bool mandatory,
             const amqp_basic_properties_t *properties, const char *text);

/* Whether these bytes are this text. */
bool is(amqp_bytes_t bytes, const char *text);

/* Closes channel and connection, which the broker must answer. */
void disconnect(amqp_connection_state_t connection);
