'use strict';
// A message refused with requeue goes back to its place; without, it is gone.

const { assert, privateQueue, program } = require('./session');

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  const queue = await privateQueue(channel);
  for (const name of ['a', 'b', 'c', 'd']) channel.sendToQueue(queue, Buffer.from(name));

  /** Takes a message, which must be this one. */
  const get = async (body, redelivered) => {
    const message = await channel.get(queue);
    assert.deepEqual([message.content.toString(), message.fields.redelivered], [body, redelivered]);
    return message;
  };
  channel.nack(await get('a', false));
  const a = await get('a', true);
  channel.reject(await get('b', false), true);
  await get('b', true);
  const c = await get('c', false);

  // Everything up to c that is still held, in the old order.
  channel.nack(c, true, true);
  const first = await get('a', true);
  await get('b', true);
  const third = await get('c', true);
  const fourth = await get('d', false);
  assert.ok(first.fields.deliveryTag > a.fields.deliveryTag);

  channel.reject(first, false);
  channel.nack(third, true, false);
  channel.nack(fourth);
  channel.ack(await get('d', true));
  assert.equal(await channel.get(queue), false);
});
