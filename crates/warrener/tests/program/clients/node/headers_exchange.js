'use strict';
// A headers exchange compares the message's headers with the binding's arguments.

const { assert, bodies, privateQueue, program } = require('./session');

const PARCELS = {
  vase: { fragile: true, weight: 3 },
  painting: { fragile: true, weight: 30 },
  'dumb-bell': { fragile: false, weight: 3, colour: 'grey' },
  feather: { fragile: false },
  letter: undefined,
};

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  await channel.assertExchange('js.parcels', 'headers', { durable: false });
  const boundWith = async (match) => {
    const queue = await privateQueue(channel);
    await channel.bindQueue(queue, 'js.parcels', '', { ...match, fragile: true, weight: 3 });
    return queue;
  };
  const both = await boundWith({ 'x-match': 'all' });
  const either = await boundWith({ 'x-match': 'any' });
  const unsaid = await boundWith({});

  for (const [name, headers] of Object.entries(PARCELS)) {
    channel.publish('js.parcels', 'ignored', Buffer.from(name), { headers });
  }
  assert.deepEqual(await bodies(channel, both, 1), ['vase']);
  assert.deepEqual(await bodies(channel, either, 3), ['vase', 'painting', 'dumb-bell']);
  assert.deepEqual(await bodies(channel, unsaid, 1), ['vase']);
  await channel.deleteExchange('js.parcels');
});
