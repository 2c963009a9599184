//! What must hold of a broker between any two inputs, for tests and fuzzing. Not a part of the interface.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use warrener_codec::ChannelId;

use crate::broker::Broker;
use crate::id::{ChannelKey, ConnectionId, LinkId, MessageId, QueueId};
use crate::publish::Exchange;

/// Looks at everything and everybody.
///
/// # Panics
///
/// When the broker's books do not agree with each other.
pub fn audit(broker: &Broker) {
    audit_messages(broker);
    audit_deliveries(broker);
    audit_timers(broker);
    assert!(broker.realm.happened.is_empty(), "everything that happened was dealt with");
    assert!(broker.realm.notices.is_empty(), "everybody was told");
}

/// Asks whether the user of an open channel may publish to one of these exchanges, as basic.publish does once it has
/// looked the exchange up.
///
/// # Panics
///
/// When the channel is not open.
pub fn publish_check<'a>(
    broker: &'a mut Broker,
    (connection, channel): (ConnectionId, ChannelId),
    exchanges: &'a [&str],
) -> impl FnMut(usize) -> bool {
    let key = broker.amqp.open_channel(connection, channel).expect("an open channel");
    let vhost = broker.amqp.caller(key).vhost;
    let find = |name: &&str| {
        let found = broker.realm.vhosts[vhost].exchange(name.as_bytes());
        found.map(|(id, _)| Exchange::Named(id))
    };
    let found: Vec<_> = exchanges.iter().map(find).collect();
    move |place| broker.check_write(key, exchanges[place].as_bytes(), found[place]).is_ok()
}

/// Each message is held by exactly the queues that have it, and on disk by exactly the durable ones.
fn audit_messages(broker: &Broker) {
    let realm = &broker.realm;
    let mut holders: BTreeMap<MessageId, (u32, u32)> = BTreeMap::new();
    for (id, slot) in realm.queues.iter() {
        let waiting = slot.queue.ready(None).chain(slot.queue.delayed(None));
        let handed = slot.queue.unacked(None).chain(slot.queue.held(None));
        let mut seen = 0;
        for look in waiting.chain(handed) {
            let (all, durable) = holders.entry(*look.handle).or_default();
            *all += 1;
            *durable += u32::from(realm.place(id, *look.handle).is_some());
            seen += 1;
        }
        for leaving in &slot.leaving {
            let (all, durable) = holders.entry(leaving.message).or_default();
            *all += 1;
            *durable += u32::from(realm.place(id, leaving.message).is_some());
        }
        let counts = slot.queue.counts();
        let counted = counts.ready + counts.delayed + counts.unacked + counts.held;
        assert_eq!(seen, counted, "a queue counts what it has");
    }
    assert_eq!(holders.len(), realm.messages.len(), "a message is there while a queue has it");
    for (id, (all, durable)) in holders {
        let message = realm.messages.get(id);
        assert_eq!(message.holders, all, "each queue that has a message is counted");
        let on_disk = message.durable().map_or(0, |durable| durable.holders);
        assert_eq!(on_disk, durable, "each durable queue that has a message is counted");
    }
}

/// What queues have handed out is what channels, and their consumers, hold.
fn audit_deliveries(broker: &Broker) {
    let mut by_queue: BTreeMap<QueueId, u64> = BTreeMap::new();
    let mut by_link: BTreeMap<LinkId, u32> = BTreeMap::new();
    for (_, channel) in broker.amqp.channels.iter() {
        let mut shared = 0;
        for delivered in channel.held() {
            *by_queue.entry(delivered.queue).or_default() += 1;
            if let Some(link) = delivered.link {
                *by_link.entry(link).or_default() += 1;
                shared += 1;
            }
        }
        assert_eq!(channel.shared_unacked, shared, "a channel counts what its consumers hold");
        for (tag, link) in &channel.consumers {
            let consumer = broker.amqp.consumers.get(*link).expect("a channel's consumer is there");
            assert_eq!(consumer.tag, *tag);
        }
    }
    for (id, slot) in broker.realm.queues.iter() {
        let held = by_queue.get(&id).copied().unwrap_or_default();
        assert_eq!(slot.queue.counts().unacked, held, "what is handed out is held by a channel");
        assert_eq!(slot.queue.counts().consumers, slot.links.len() as u64);
        for link in &slot.links {
            assert!(broker.amqp.consumers.get(*link).is_some(), "a queue's consumer is there");
        }
    }
    for (link, consumer) in broker.amqp.consumers.iter() {
        let held = by_link.get(&link).copied().unwrap_or_default();
        assert_eq!(consumer.unacked, held, "a consumer counts what it holds");
        let key: ChannelKey = consumer.channel;
        assert!(broker.amqp.channel(key).consumers.contains_key(&consumer.tag));
        assert!(broker.realm.queue(consumer.queue).links.contains(&link));
    }
}

/// The timers know of each queue what it wants.
fn audit_timers(broker: &Broker) {
    let wanted = broker.realm.queues.iter().filter_map(|(id, slot)| {
        assert_eq!(slot.scheduled, slot.queue.poll_timeout().map(|(due, _)| due));
        slot.scheduled.map(|due| (due, id))
    });
    let mut wanted: Vec<_> = wanted.collect();
    wanted.sort_unstable();
    assert!(broker.realm.timers.iter().eq(wanted.iter()), "timers and queues agree");
}
