'use strict';
// A message may have no body at all: a header frame, and no body frame after it.

const { assert, privateQueue, program, take } = require('./session');

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  const queue = await privateQueue(channel);
  for (const [number, body] of ['', '', 'end'].entries()) {
    channel.sendToQueue(queue, Buffer.from(body), { headers: { number } });
  }
  const content = (message) => [message.properties.headers.number, message.content.toString()];
  const got = await channel.get(queue, { noAck: true });
  assert.deepEqual([...content(got), got.fields.messageCount], [0, '', 2]);
  assert.deepEqual((await take(channel, queue, 2)).map(content), [[1, ''], [2, 'end']]);
});
