'use strict';
// Channels of one connection count, fail and close each for itself.

const { assert, bodies, privateQueue, program, refusal } = require('./session');

program(async (connect) => {
  const connection = await connect();
  const channels = [];
  const queues = [];
  for (let number = 0; number < 10; number++) {
    channels.push(await connection.createChannel());
    queues.push(await privateQueue(channels[number]));
  }
  for (let round = 0; round < 3; round++) {
    for (const [index, queue] of queues.entries()) {
      channels[9 - index].sendToQueue(queue, Buffer.from(`${index} ${round}`));
    }
  }
  for (const [index, queue] of queues.entries()) {
    // An answer on it makes sure that the other channel's messages have arrived.
    await channels[9 - index].checkQueue(queue);
    const message = await channels[index].get(queue);
    assert.equal(message.fields.deliveryTag, 1, 'tags begin anew in each channel');
    channels[index].nack(message);
    const wanted = [0, 1, 2].map((round) => `${index} ${round}`);
    assert.deepEqual(await bodies(channels[index], queue, 3), wanted);
  }

  const missing = await refusal(channels[4], () => channels[4].checkQueue('js.no-such-queue'));
  assert.deepEqual(missing,
    { code: 404, text: "NOT_FOUND - no queue 'js.no-such-queue' in vhost '/'" });
  // The others work on, and the number is free again.
  channels[0].sendToQueue(queues[9], Buffer.from('still here'));
  await channels[0].checkQueue(queues[9]);
  assert.deepEqual(await bodies(channels[9], queues[9], 1), ['still here']);
  const again = await connection.createChannel();
  again.sendToQueue(queues[0], Buffer.from('here again'));
  assert.deepEqual(await bodies(again, queues[0], 1), ['here again']);
});
