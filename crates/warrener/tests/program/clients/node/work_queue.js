'use strict';
// Workers share a queue, one task at a time each; a dead worker's task is done by another.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const { assert, program } = require('./session');

const QUEUE = 'js.tasks';

/** A worker that takes a task, says which, and never finishes it. */
async function holdOneTask(connect) {
  const channel = await (await connect()).createChannel();
  await channel.prefetch(1);
  await channel.consume(QUEUE, (message) => process.send(message.content.toString()));
  await new Promise(() => {});
}

async function killAWorker(connect) {
  const channel = await (await connect()).createChannel();
  await channel.assertQueue(QUEUE, { durable: true });
  for (let number = 1; number <= 6; number++) {
    channel.sendToQueue(QUEUE, Buffer.from(`task ${number}`), { persistent: true });
  }

  const victim = fork(__filename, ['hold']);
  assert.deepEqual((await once(victim, 'message'))[0], 'task 1');

  // The first worker may hold one task, so all the others come here, in order.
  await channel.prefetch(1);
  const done = [];
  await new Promise((resolve) => {
    channel.consume(QUEUE, (message) => {
      if (message === null) return; // The queue was deleted.
      assert.equal(message.properties.deliveryMode, 2);
      done.push([message.content.toString(), message.fields.redelivered]);
      channel.ack(message);
      if (done.length === 5) victim.kill('SIGKILL');
      if (done.length === 6) resolve();
    });
  });
  const others = [2, 3, 4, 5, 6].map((number) => [`task ${number}`, false]);
  assert.deepEqual(done, [...others, ['task 1', true]]);
  assert.equal((await channel.deleteQueue(QUEUE)).messageCount, 0);
}

program(process.argv[2] === 'hold' ? holdOneTask : killAWorker);
