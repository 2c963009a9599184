'use strict';
// basic.get asks for one message, and is told how many are left, or that there is none.

const { assert, privateQueue, program } = require('./session');

program(async (connect) => {
  const connection = await connect();
  const channel = await connection.createChannel();
  const queue = await privateQueue(channel);
  assert.equal(await channel.get(queue), false);

  for (const name of ['one', 'two', 'three']) {
    channel.sendToQueue(queue, Buffer.from(name), { type: name });
  }
  const seen = async (from, options) => {
    const { content, fields, properties } = await from.get(queue, options);
    const { deliveryTag, messageCount, redelivered } = fields;
    assert.deepEqual([fields.exchange, fields.routingKey], ['', queue]);
    assert.equal(content.toString(), properties.type);
    return { body: content.toString(), deliveryTag, messageCount, redelivered };
  };
  assert.deepEqual(await seen(channel),
    { body: 'one', deliveryTag: 1, messageCount: 2, redelivered: false });
  assert.deepEqual(await seen(channel),
    { body: 'two', deliveryTag: 2, messageCount: 1, redelivered: false });
  // Without acknowledgement a get takes the message for good.
  assert.deepEqual(await seen(channel, { noAck: true }),
    { body: 'three', deliveryTag: 3, messageCount: 0, redelivered: false });
  assert.equal(await channel.get(queue), false);

  channel.ack({ fields: { deliveryTag: 1 } });
  await channel.close();
  const another = await connection.createChannel();
  assert.deepEqual(await seen(another, { noAck: true }),
    { body: 'two', deliveryTag: 1, messageCount: 0, redelivered: true });
  assert.equal((await another.deleteQueue(queue)).messageCount, 0);
});
