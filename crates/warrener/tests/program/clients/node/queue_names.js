'use strict';
// The broker names queues that ask for it; an exclusive queue lives as long as its connection.

const { assert, bodies, privateQueue, program, refusal } = require('./session');

program(async (connect) => {
  const owner = await connect();
  const channel = await owner.createChannel();
  const names = [];
  for (let number = 0; number < 50; number++) names.push(await privateQueue(channel));
  for (const name of names) assert.match(name, /^amq\.gen-/);
  assert.equal(new Set(names).size, 50);

  // The empty name means the queue that this channel declared last.
  await channel.bindQueue('', 'amq.direct', 'js.last');
  channel.publish('amq.direct', 'js.last', Buffer.from('found'));
  assert.deepEqual(await bodies(channel, names.at(-1), 1), ['found']);

  const stranger = await connect();
  const outside = await stranger.createChannel();
  const locked = await refusal(outside, () => outside.checkQueue(names[0]));
  assert.equal(locked.code, 405);
  const text = `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${names[0]}'`;
  assert.equal(locked.text.slice(0, text.length), text);

  const ended = await stranger.createChannel();
  await owner.close();
  assert.deepEqual(await refusal(ended, () => ended.checkQueue(names[0])),
    { code: 404, text: `NOT_FOUND - no queue '${names[0]}' in vhost '/'` });
});
