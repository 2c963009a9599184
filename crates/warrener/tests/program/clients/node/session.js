'use strict';
// What every program here begins with: connections to the broker under test, and a deadline.

const assert = require('node:assert/strict');
const amqp = require('amqplib');

/** Runs `story`, closes the connections it opened, and fails when it takes too long. */
async function program(story) {
  const deadline = setTimeout(() => fail(new Error('not done after 30 seconds')), 30_000);
  const open = new Set();
  try {
    await story(async () => {
      const connection = await amqp.connect(process.env.AMQP_URL);
      open.add(connection);
      connection.on('close', () => open.delete(connection));
      return connection;
    });
    await Promise.all([...open].map((connection) => connection.close()));
    clearTimeout(deadline);
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

/** Consumes exactly `count` messages, acknowledges them, and expects no more to be there. */
async function take(channel, queue, count) {
  const taken = [];
  let enough;
  const all = new Promise((resolve) => (enough = resolve));
  const { consumerTag } = await channel.consume(queue, (message) => {
    taken.push(message);
    channel.ack(message);
    if (taken.length === count) enough();
  });
  await all;
  await channel.cancel(consumerTag);
  assert.equal(taken.length, count, `messages handed out by ${queue}`);
  const left = await channel.checkQueue(queue);
  assert.equal(left.messageCount, 0, `messages left in ${queue}`);
  return taken;
}

/** The bodies of exactly `count` messages, in order. */
async function bodies(channel, queue, count) {
  return (await take(channel, queue, count)).map((message) => message.content.toString());
}

/** A queue that the broker names and that lives as long as its connection. */
async function privateQueue(channel) {
  return (await channel.assertQueue('', { exclusive: true })).queue;
}

/** Expects the broker to close `channel` because of `request`, and returns what it said. */
async function refusal(channel, request) {
  const closed = new Promise((resolve) => channel.once('error', resolve));
  await assert.rejects(request());
  const { code, message } = await closed;
  return { code, text: message.match(/"(.*)"$/s)[1] };
}

module.exports = { assert, bodies, privateQueue, program, refusal, take };
