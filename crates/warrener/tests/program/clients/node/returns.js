'use strict';
// A mandatory message that reaches no queue comes back whole, with the reason.

const { assert, bodies, privateQueue, program } = require('./session');

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  const queue = await privateQueue(channel);
  const returned = [];
  channel.on('return', (message) => returned.push(message));

  const properties = { messageId: 'm-1', headers: { tries: 1 } };
  const mandatory = { ...properties, mandatory: true };
  channel.publish('amq.topic', 'to.nobody', Buffer.from('come back'), mandatory);
  channel.publish('amq.topic', 'to.nobody', Buffer.from('do not'), properties);
  channel.publish('', queue, Buffer.from('arrives'), mandatory);
  // What the broker does on one channel it does in order: the return came before the message.
  assert.deepEqual(await bodies(channel, queue, 1), ['arrives']);

  assert.equal(returned.length, 1);
  const [message] = returned;
  const { replyCode, replyText, exchange, routingKey } = message.fields;
  assert.deepEqual([replyCode, replyText], [312, 'NO_ROUTE']);
  assert.deepEqual([exchange, routingKey], ['amq.topic', 'to.nobody']);
  assert.equal(message.properties.messageId, 'm-1');
  assert.deepEqual(message.properties.headers, { tries: 1 });
  assert.equal(message.content.toString(), 'come back');
});
