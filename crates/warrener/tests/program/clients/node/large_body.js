'use strict';
// A body of 10 MiB is split over frames and comes back as it was, and so do all its properties.

const { createHash, randomBytes } = require('node:crypto');
const { assert, privateQueue, program, take } = require('./session');

const PROPERTIES = {
  contentType: 'application/octet-stream',
  contentEncoding: 'identity',
  headers: { depth: { of: ['tables', 1, true, null, 1.5] }, long: 'x'.repeat(5000) },
  deliveryMode: 1,
  priority: 7,
  correlationId: 'c'.repeat(255),
  replyTo: 'nobody',
  expiration: '600000',
  messageId: 'id',
  timestamp: 1795219200,
  type: 'noise',
  userId: 'guest',
  appId: 'large_body',
};

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  const queue = await privateQueue(channel);
  const body = randomBytes(10 * 1024 * 1024);
  channel.sendToQueue(queue, Buffer.from('before'));
  channel.sendToQueue(queue, body, PROPERTIES);
  channel.sendToQueue(queue, Buffer.from('after'));

  const [before, large, after] = await take(channel, queue, 3);
  assert.deepEqual([before.content.toString(), after.content.toString()], ['before', 'after']);
  assert.equal(large.content.length, body.length);
  const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
  assert.equal(digest(large.content), digest(body));
  assert.deepEqual({ ...large.properties }, { ...PROPERTIES, clusterId: undefined });
});
