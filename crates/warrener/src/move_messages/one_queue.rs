//! The messages of one queue, in order, each acknowledged here when it is confirmed there.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::collections::VecDeque;

use futures_util::Stream;
use warrener_client::{Channel, Confirm, Confirmation, Connection, Error, Message, Returns};
use warrener_codec::method::{basic, exchange, queue};
use warrener_codec::{ReplyCode, ShortStr};

use super::listing::Listed;

/// How many messages are asked for at a time.
const ASKED_MAX: usize = 128;
/// How long another move of the same queue is waited for. It may be dead, and the source not know it yet.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// After so long without a message a quorum queue is asked whether it is empty.
const SILENCE: Duration = Duration::from_millis(300);

/// Moves what is in the queue, until it is empty; says how many messages that were.
///
/// It asks for messages one by one rather than consume them: a queue that goes away with its last consumer would take its
/// messages along if this were killed. A quorum queue does not, and RabbitMQ would write to its disk for each that is asked for.
pub(super) async fn move_all(
    source: &Connection,
    target: &Connection,
    queue: &Listed,
    window: u16,
) -> Result<u64, String> {
    let lock = lock(source, queue).await?;
    let door = open_door(target, queue).await?;
    let taking = source.channel().await.map_err(|error| format!("source: {error}"))?;
    let mut way = Way { queue, taking: &taking, door: &door, sent: VecDeque::new(), moved: 0 };
    if queue.is_quorum() {
        way.consume_all(window).await?;
    } else {
        way.move_all(usize::from(window)).await?;
    }
    let moved = way.moved;
    // With the channel's close-ok, the acknowledgements before it are known to have arrived.
    taking.close().await.map_err(|error| format!("source: {error}"))?;
    unlock(&lock, queue).await.map_err(|error| format!("source: its lock: {error}"))?;
    door.close().await?;
    Ok(moved)
}

/// Waits until nobody else moves this queue, by an exclusive queue of the connection: when somebody was killed, what was under
/// way is back in its place no later than that queue is gone. Who began earlier would take what is behind it.
async fn lock(source: &Connection, listed: &Listed) -> Result<Channel, String> {
    let mut patience = LOCK_PATIENCE;
    loop {
        let channel = source.channel().await.map_err(|error| format!("source: {error}"))?;
        match channel.call(lock_queue(listed)?).await {
            Ok(_) => return Ok(channel),
            Err(Error::ChannelClosed(close))
                if close.code == ReplyCode::RESOURCE_LOCKED && !patience.is_zero() =>
            {
                tokio::time::sleep(LOCK_PAUSE).await;
                patience = patience.saturating_sub(LOCK_PAUSE);
            }
            Err(error) => return Err(format!("source: {error}")),
        }
    }
}

async fn unlock(lock: &Channel, listed: &Listed) -> Result<(), Error> {
    let queue = ShortStr::try_from(private_name(listed).as_str()).unwrap_or_default();
    lock.call(queue::Delete { queue, ..Default::default() }).await?;
    lock.close().await
}

fn lock_queue(listed: &Listed) -> Result<queue::Declare, String> {
    let queue = ShortStr::try_from(private_name(listed).as_str());
    let queue = queue.map_err(|error| error.to_string())?;
    Ok(queue::Declare { queue, exclusive: true, ..Default::default() })
}

/// The name of the exchange of the target and of the lock of the source.
fn private_name(listed: &Listed) -> String {
    format!("warrener.move.{:016x}", fingerprint(&listed.name))
}

/// The way into one queue of the target, and no other: an exchange of its own. By the default exchange the routing key would
/// be lost, and a message with a header `CC` would go to further queues.
struct Door {
    channel: Channel,
    exchange: String,
}

async fn open_door(target: &Connection, queue: &Listed) -> Result<Door, String> {
    declare(target, queue).await?;
    let channel = target.channel().await.map_err(|error| format!("target: {error}"))?;
    let exchange = private_name(queue);
    let short = |text: &str| ShortStr::try_from(text).map_err(|error| error.to_string());
    let declare = exchange::Declare {
        exchange: short(&exchange)?,
        kind: ShortStr::from_static("fanout"),
        durable: true,
        auto_delete: true,
        ..Default::default()
    };
    let bind = queue::Bind {
        queue: short(&queue.name)?,
        exchange: short(&exchange)?,
        ..Default::default()
    };
    let opened = async {
        channel.call(declare).await?;
        channel.call(bind).await?;
        channel.confirm_select().await
    };
    opened.await.map_err(|error| format!("target: {error}"))?;
    Ok(Door { channel, exchange })
}

/// Makes sure that the target has the queue. One that it has is taken as it is.
async fn declare(target: &Connection, listed: &Listed) -> Result<(), String> {
    let name = ShortStr::try_from(listed.name.as_str()).map_err(|error| error.to_string())?;
    // A channel of its own: asking for what is not there closes it.
    let channel = target.channel().await.map_err(|error| format!("target: {error}"))?;
    let look = queue::Declare { queue: name.clone(), passive: true, ..Default::default() };
    match (channel.call(look).await, &listed.declaration) {
        (Ok(_), _) => return channel.close().await.map_err(|error| format!("target: {error}")),
        (Err(Error::ChannelClosed(close)), Some(_)) if close.code == ReplyCode::NOT_FOUND => {}
        (Err(error), _) => return Err(format!("target: {error}")),
    }
    let channel = target.channel().await.map_err(|error| format!("target: {error}"))?;
    let declaration = listed.declaration.clone().unwrap_or_default();
    channel.call(declaration).await.map_err(|error| format!("target: {error}"))?;
    channel.close().await.map_err(|error| format!("target: {error}"))
}

impl Door {
    async fn close(self) -> Result<(), String> {
        let exchange = ShortStr::try_from(self.exchange.as_str()).unwrap_or_default();
        let delete = exchange::Delete { exchange, ..Default::default() };
        let closed = async {
            self.channel.call(delete).await?;
            self.channel.close().await
        };
        closed.await.map_err(|error| format!("target: {error}"))
    }
}

/// FNV-1a: the same name every time, also when the program was killed in between, and short for any queue's name.
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

struct Way<'a> {
    queue: &'a Listed,
    taking: &'a Channel,
    door: &'a Door,
    /// Sent and not yet confirmed, by the tag at the source.
    sent: VecDeque<(u64, Confirm)>,
    moved: u64,
}

impl Way<'_> {
    async fn move_all(&mut self, window: usize) -> Result<(), String> {
        let mut returns =
            self.door.channel.returns().await.map_err(|error| format!("target: {error}"))?;
        let mut asked = VecDeque::new();
        let mut is_empty = false;
        loop {
            while !is_empty && asked.len() < ASKED_MAX && asked.len() + self.sent.len() < window {
                let got = self.taking.get_ahead(&self.queue.name, false).await;
                let got = got.map_err(|error| format!("source: {error}"))?;
                asked.push_back(got);
            }
            if asked.is_empty() && self.sent.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                settled = settled(&mut self.sent, &mut returns), if !self.sent.is_empty() => {
                    self.settle(settled).await?;
                }
                got = first(&mut asked), if !asked.is_empty() => {
                    match got.map_err(|error| format!("source: {error}"))? {
                        Some(delivery) => self.send(delivery.message).await?,
                        None => is_empty = true,
                    }
                }
            }
        }
    }

    async fn consume_all(&mut self, window: u16) -> Result<(), String> {
        let source = |error: Error| format!("source: {error}");
        let returns = self.door.channel.returns().await;
        let mut returns = returns.map_err(|error| format!("target: {error}"))?;
        let queue = ShortStr::try_from(self.queue.name.as_str());
        let queue = queue.map_err(|error| error.to_string())?;
        self.taking.prefetch(window).await.map_err(source)?;
        let consume = basic::Consume { queue: queue.clone(), ..Default::default() };
        let mut consumer = self.taking.consume(consume).await.map_err(source)?;
        loop {
            tokio::select! {
                biased;
                settled = settled(&mut self.sent, &mut returns), if !self.sent.is_empty() => {
                    self.settle(settled).await?;
                }
                delivery = consumer.next() => match delivery {
                    Some(delivery) => self.send(delivery.message).await?,
                    None => return Err("source: the consumer was cancelled".to_owned()),
                },
                () = tokio::time::sleep(SILENCE), if self.sent.is_empty() => {
                    let queue = queue.clone();
                    let look = queue::Declare { queue, passive: true, ..Default::default() };
                    if self.taking.call(look).await.map_err(source)?.message_count == 0 {
                        return consumer.cancel().await.map_err(source);
                    }
                }
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), String> {
        // An acknowledgement is for everything before it as well, so that must have been sent before.
        if self.sent.back().is_some_and(|(before, _)| *before >= message.delivery_tag) {
            return Err("source: its delivery tags are out of order".to_owned());
        }
        let key = message.routing_key.as_str().unwrap_or(&self.queue.name);
        let body = message.body.to_bytes();
        let sent = self
            .door
            .channel
            .publish_confirmed(&self.door.exchange, key, true, message.properties, body)
            .await;
        self.sent
            .push_back((message.delivery_tag, sent.map_err(|error| format!("target: {error}"))?));
        Ok(())
    }

    async fn settle(&mut self, settled: Settled) -> Result<(), String> {
        if let Some(upto) = settled.upto {
            let acked = self.taking.ack(upto, true).await;
            acked.map_err(|error| format!("source: {error}"))?;
            self.moved += settled.count;
        }
        settled.trouble.map_or(Ok(()), Err)
    }
}

/// What became of the oldest messages under way.
struct Settled {
    /// Confirmed up to this tag of the source.
    upto: Option<u64>,
    count: u64,
    trouble: Option<String>,
}

/// Waits for the oldest confirm, and takes those behind it that have come as well. Nothing is lost when the waiting is
/// given up.
async fn settled(sent: &mut VecDeque<(u64, Confirm)>, returns: &mut Returns) -> Settled {
    poll_fn(|context| {
        let mut settled = Settled { upto: None, count: 0, trouble: None };
        while let Some((tag, confirm)) = sent.front_mut() {
            let Poll::Ready(outcome) = poll(confirm, context) else { break };
            match outcome {
                Ok(Confirmation::Ack) => {
                    settled.upto = Some(*tag);
                    settled.count += 1;
                }
                Ok(Confirmation::Nack) => {
                    settled.trouble = Some("target: the queue takes no more messages".to_owned());
                }
                Err(error) => settled.trouble = Some(format!("target: {error}")),
            }
            sent.pop_front();
            if settled.trouble.is_some() {
                break;
            }
        }
        // A message that came back came back before it was confirmed, so it has been seen by now.
        if let Poll::Ready(Some(returned)) = Pin::new(&mut *returns).poll_next(context) {
            let (upto, trouble) = (None, Some(format!("target: not routed: {}", returned.text)));
            settled = Settled { upto, count: 0, trouble };
        }
        let is_nothing = settled.upto.is_none() && settled.trouble.is_none();
        if is_nothing { Poll::Pending } else { Poll::Ready(settled) }
    })
    .await
}

/// Waits for the oldest of those asked for. Nothing is lost when the waiting is given up.
async fn first<F: Future + Unpin>(asked: &mut VecDeque<F>) -> F::Output {
    poll_fn(|context| {
        let Some(oldest) = asked.front_mut() else { return Poll::Pending };
        let output = ready!(poll(oldest, context));
        asked.pop_front();
        Poll::Ready(output)
    })
    .await
}

fn poll<F: Future + Unpin>(future: &mut F, context: &mut Context<'_>) -> Poll<F::Output> {
    pin!(future).poll(context)
}
