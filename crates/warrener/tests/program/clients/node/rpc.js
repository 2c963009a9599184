'use strict';
// A call over queues: a request names the queue for its answer, and an id the answer repeats.

const { assert, privateQueue, program } = require('./session');

const QUEUE = 'js.squares';

/** Answers with the square of each number; of two requests the later is answered first. */
async function serve(channel) {
  const waiting = [];
  await channel.consume(QUEUE, (request) => {
    if (request === null) return; // The queue was deleted.
    waiting.unshift(request);
    if (waiting.length < 2) return;
    for (const asked of waiting.splice(0)) {
      const { replyTo, correlationId } = asked.properties;
      const result = Number(asked.content.toString()) ** 2;
      channel.sendToQueue(replyTo, Buffer.from(String(result)), { correlationId });
      channel.ack(asked);
    }
  });
}

program(async (connect) => {
  const channel = await (await connect()).createChannel();
  await channel.assertQueue(QUEUE, { durable: false });
  await serve(await (await connect()).createChannel());

  const replyTo = await privateQueue(channel);
  const answers = [];
  const answered = new Promise((resolve) => {
    channel.consume(replyTo, ({ properties, content }) => {
      answers.push([properties.correlationId, Number(content.toString())]);
      if (answers.length === 4) resolve();
    }, { noAck: true });
  });
  for (const number of [3, 5, 8, 13]) {
    const correlationId = `call-${number}`;
    channel.sendToQueue(QUEUE, Buffer.from(String(number)), { replyTo, correlationId });
  }
  await answered;
  assert.deepEqual(answers, [['call-5', 25], ['call-3', 9], ['call-13', 169], ['call-8', 64]]);
  await channel.deleteQueue(QUEUE);
});
