'use strict';
// The broker says of each message that it has it, whether or not anybody wanted it.

const { assert, bodies, program } = require('./session');

program(async (connect) => {
  const connection = await connect();
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('js.ledger', { durable: true });

  const confirmed = [];
  const returned = [];
  channel.on('return', (message) => returned.push([message.fields.replyCode, confirmed.length]));
  const publish = (key, number) => {
    const body = Buffer.from(`entry ${number}`);
    channel.publish('', key, body, { persistent: true, mandatory: true }, (refused) => {
      assert.equal(refused, null, `entry ${number}`);
      confirmed.push(number);
    });
  };
  for (let number = 0; number < 200; number++) publish('js.ledger', number);
  await channel.waitForConfirms();
  assert.deepEqual([...confirmed].sort((a, b) => a - b), [...Array(200).keys()]);

  // An unroutable one comes back before it is confirmed.
  publish('js.no-such-ledger', 200);
  await channel.waitForConfirms();
  assert.deepEqual(returned, [[312, 200]]);
  assert.deepEqual(confirmed.at(-1), 200);

  const wanted = [...Array(200).keys()].map((number) => `entry ${number}`);
  assert.deepEqual(await bodies(channel, 'js.ledger', 200), wanted);
  await channel.deleteQueue('js.ledger');
});
