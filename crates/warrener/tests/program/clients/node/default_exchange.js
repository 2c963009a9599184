'use strict';
// Every queue is bound to the nameless exchange by its own name, and nobody can change that.

const { assert, bodies, program, refusal } = require('./session');

program(async (connect) => {
  const connection = await connect();
  const channel = await connection.createChannel();
  await channel.assertQueue('js.letters', { durable: false });
  await channel.assertQueue('js.bills', { durable: false });

  channel.publish('', 'js.letters', Buffer.from('dear all'));
  channel.publish('', 'js.bills', Buffer.from('12.50'));
  channel.publish('', 'js.nobody', Buffer.from('dropped without a word'));
  assert.deepEqual(await bodies(channel, 'js.letters', 1), ['dear all']);
  assert.deepEqual(await bodies(channel, 'js.bills', 1), ['12.50']);

  for (const change of [
    (refused) => refused.bindQueue('js.letters', '', 'js.bills'),
    (refused) => refused.unbindQueue('js.letters', '', 'js.letters'),
    (refused) => refused.deleteExchange(''),
  ]) {
    const refused = await connection.createChannel();
    assert.deepEqual(await refusal(refused, () => change(refused)), {
      code: 403,
      text: 'ACCESS_REFUSED - operation not permitted on the default exchange',
    });
  }
  await channel.deleteQueue('js.letters');
  await channel.deleteQueue('js.bills');
});
