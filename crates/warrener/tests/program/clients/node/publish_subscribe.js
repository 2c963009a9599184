'use strict';
// A fanout exchange gives every subscriber its own copy of everything.

const { assert, bodies, privateQueue, program } = require('./session');

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  await channel.assertExchange('js.news', 'fanout', { durable: false });
  const subscribers = [];
  for (let number = 0; number < 3; number++) subscribers.push(await privateQueue(channel));

  channel.publish('js.news', '', Buffer.from('before anyone listens'));
  for (const queue of subscribers) await channel.bindQueue(queue, 'js.news', '');
  const news = ['first', 'second', 'third'];
  // A fanout does not look at the routing key.
  for (const body of news) channel.publish('js.news', `ignored.${body}`, Buffer.from(body));
  for (const queue of subscribers) assert.deepEqual(await bodies(channel, queue, 3), news);

  const [gone, ...stayed] = subscribers;
  await channel.unbindQueue(gone, 'js.news', '');
  channel.publish('js.news', '', Buffer.from('fourth'));
  for (const queue of stayed) assert.deepEqual(await bodies(channel, queue, 1), ['fourth']);
  assert.equal(await channel.get(gone), false);
  await channel.deleteExchange('js.news');
});
