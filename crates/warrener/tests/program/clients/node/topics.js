'use strict';
// A topic exchange matches words: `*` stands for one, `#` for any number, none included.

const { assert, privateQueue, program, take } = require('./session');

const KEYS = ['eu.fr.wheat', 'wheat', 'eu', 'us.wheat', 'eu.es.rice.white', '', 'EU'];

// What each listener is bound with, and which keys it must hear, in order.
const LISTENERS = [
  [['eu.*.wheat'], ['eu.fr.wheat']],
  [['#.wheat'], ['eu.fr.wheat', 'wheat', 'us.wheat']],
  [['eu.#'], ['eu.fr.wheat', 'eu', 'eu.es.rice.white']],
  [['*.*', 'us.#'], ['us.wheat']],
  [['#'], KEYS],
  [['eu.#.white', 'eu'], ['eu', 'eu.es.rice.white']],
  [['*'], ['wheat', 'eu', 'EU']],
];

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  await channel.assertExchange('js.harvest', 'topic', { durable: false });
  const queues = [];
  for (const [patterns] of LISTENERS) {
    const queue = await privateQueue(channel);
    for (const pattern of patterns) await channel.bindQueue(queue, 'js.harvest', pattern);
    queues.push(queue);
  }
  for (const key of KEYS) channel.publish('js.harvest', key, Buffer.from('grain'));
  for (const [index, [patterns, wanted]] of LISTENERS.entries()) {
    const messages = await take(channel, queues[index], wanted.length);
    const heard = messages.map(({ fields }) => fields.routingKey);
    assert.deepEqual(heard, wanted, `keys heard by ${patterns}`);
  }
  await channel.deleteExchange('js.harvest');
});
