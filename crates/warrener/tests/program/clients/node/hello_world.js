'use strict';
// One producer, one queue, one consumer.

const { assert, program, take } = require('./session');

program(async (connect) => {
  const producer = await (await connect()).createChannel();
  const declared = await producer.assertQueue('js.hello', { durable: false });
  assert.deepEqual({ ...declared }, { queue: 'js.hello', messageCount: 0, consumerCount: 0 });
  producer.publish('', 'js.hello', Buffer.from('Hello, warren!'));
  await producer.close();

  const consumer = await (await connect()).createChannel();
  const [message] = await take(consumer, 'js.hello', 1);
  assert.equal(message.content.toString(), 'Hello, warren!');
  const { exchange, routingKey, deliveryTag, redelivered } = message.fields;
  assert.deepEqual([exchange, routingKey, deliveryTag, redelivered], ['', 'js.hello', 1, false]);
  await consumer.deleteQueue('js.hello');
});
