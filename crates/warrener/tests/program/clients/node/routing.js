'use strict';
// A direct exchange routes by the exact key; queues have many keys, and keys many queues.

const { assert, privateQueue, program, take } = require('./session');

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  await channel.assertExchange('js.alarms', 'direct', { durable: false });
  const pager = await privateQueue(channel);
  const archive = await privateQueue(channel);
  await channel.bindQueue(pager, 'js.alarms', 'fire');
  // The same binding twice is one binding: no message comes twice.
  for (const kind of ['fire', 'flood', 'mouse', 'fire']) {
    await channel.bindQueue(archive, 'js.alarms', kind);
  }

  for (const kind of ['mouse', 'fire', 'Fire', '', 'flood', 'fire']) {
    channel.publish('js.alarms', kind, Buffer.from(`${kind}!`));
  }
  const received = async (queue, count) =>
    (await take(channel, queue, count)).map(({ fields, content }) =>
      [fields.exchange, fields.routingKey, content.toString()].join(' '));
  const fire = 'js.alarms fire fire!';
  assert.deepEqual(await received(pager, 2), [fire, fire]);
  assert.deepEqual(await received(archive, 4),
    ['js.alarms mouse mouse!', fire, 'js.alarms flood flood!', fire]);
  await channel.deleteExchange('js.alarms');
});
