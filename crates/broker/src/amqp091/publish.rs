//! basic.publish: the checks, in RabbitMQ's order, and what the publisher is told.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, Properties, ShortStr, TableRef, Value};
use warrener_time::Time;

use crate::address::Address;
use crate::amqp091::channel::Mode;
use crate::broker::Broker;
use crate::dead_letter::parse_expiration;
use crate::effect::{Confirm, Effect, Return};
use crate::id::{ChannelKey, ConnectionId, MessageId, RecordId};
use crate::message::{Extra, NewMessage};
use crate::publish::{Exchange, Publication, Targets};
use crate::refusal::{Kind, Reason, Resource, Right, shown};
use crate::value::type_name;

/// basic.publish, as refusals name it.
const PUBLISH: (u16, u16) = (60, 40);

/// A publish that passed every check.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) new: NewMessage,
    pub(crate) targets: Targets,
    /// Channels that take it as a direct reply.
    pub(crate) repliers: SmallVec<[ChannelKey; 1]>,
    pub(crate) mandatory: bool,
}

impl Checked {
    fn is_routed(&self) -> bool {
        !self.targets.is_empty() || !self.repliers.is_empty()
    }
}

impl Broker {
    #[inline]
    pub(crate) fn publish(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        publish: basic::Publish,
        content: Content,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.amqp.open_channel(connection, number) else { return };
        if let Err(reason) = self.publish_on(now, key, publish, content, out) {
            self.refuse(now, key, &reason, PUBLISH, out);
        }
    }

    /// A message whose body is larger than the host takes.
    pub(crate) fn oversized(
        &mut self,
        now: Time,
        connection: ConnectionId,
        number: ChannelId,
        size: u64,
        out: &mut Vec<Effect>,
    ) {
        let Some(key) = self.amqp.open_channel(connection, number) else { return };
        let reason = Reason::TooLarge { size, max: self.realm.limits.message_bytes };
        self.refuse(now, key, &reason, PUBLISH, out);
    }

    fn publish_on(
        &mut self,
        now: Time,
        key: ChannelKey,
        publish: basic::Publish,
        content: Content,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let checked = self.check_publish(key, publish, content)?;
        self.realm.stats.published += 1;
        let limits = &self.realm.limits;
        match &mut self.amqp.channels.get_mut(key).expect("a channel that is open").mode {
            Mode::Transactional(transaction) => transaction.publish(checked, limits),
            Mode::Plain => {
                self.publish_checked(now, key, checked, false, out);
                Ok(())
            }
            Mode::Confirming(confirms) => {
                let tag = confirms.count();
                let (rejected, record) = self.publish_checked(now, key, checked, true, out);
                self.confirm(key, tag, rejected, record, out);
                Ok(())
            }
        }
    }

    fn check_publish(
        &mut self,
        key: ChannelKey,
        publish: basic::Publish,
        content: Content,
    ) -> Result<Checked, Reason> {
        if publish.immediate() {
            return Err(Reason::Immediate);
        }
        let mandatory = publish.mandatory();
        let (size, max) = (content.body.len() as u64, self.realm.limits.message_bytes);
        if size > max {
            return Err(Reason::TooLarge { size, max });
        }
        let address = Address::within(publish.into_bytes(), EXCHANGE_AT);
        let (_, client) = self.amqp.with_client(key);
        let vhost = client.vhost;
        let place = &self.realm.vhosts[vhost];
        let name = address.exchange().as_bytes();
        client.access.check(Right::Write, Kind::Exchange, name, place.name().as_bytes())?;
        let exchange = if name.is_empty() {
            Exchange::Default
        } else {
            let resource = || Resource::exchange(name, place.name().as_bytes());
            match place.exchange(name) {
                None => return Err(Reason::NotFound(resource())),
                Some((_, found)) if found.spec.internal => {
                    return Err(Reason::InternalExchange(resource()));
                }
                Some((id, _)) => Exchange::Named(id),
            }
        };
        let content = self.address_request(key, content)?;
        check_expiration(&content.properties)?;
        let (extra, content) = sender_selected(content)?;
        self.check_user_id(key, &content.properties)?;
        let new = NewMessage { address, content, extra };
        let mut targets = Targets::new();
        self.realm.route(vhost, exchange, &new, &mut targets);
        let mut repliers = SmallVec::new();
        if exchange == Exchange::Default {
            repliers.extend(new.keys().filter_map(|key| self.replier(vhost, key.as_bytes())));
        }
        Ok(Checked { new, targets, repliers, mandatory })
    }

    fn check_user_id(&self, key: ChannelKey, properties: &Properties) -> Result<(), Reason> {
        let Some(claimed) = properties.user_id() else { return Ok(()) };
        let access = &self.amqp.with_client(key).1.access;
        if claimed.as_bytes() == access.user.as_bytes() || access.impersonator {
            return Ok(());
        }
        let (claimed, user) = (shown(claimed.as_bytes()), shown(access.user.as_bytes()));
        Err(Reason::UserId { claimed, user })
    }

    /// Sends back what nobody takes, and puts the rest into queues; whether one refused, and what must be on disk first.
    pub(crate) fn publish_checked(
        &mut self,
        now: Time,
        key: ChannelKey,
        checked: Checked,
        awaited: bool,
        out: &mut Vec<Effect>,
    ) -> (bool, Option<RecordId>) {
        let Some((new, targets)) = self.route_checked(key, checked, out) else {
            return (false, None);
        };
        let publication = Publication { new, targets: &targets, awaited };
        let taken = self.realm.publish(now, publication, out);
        if let Some(message) = taken.message {
            self.park_unless_delivered(now, message, out);
        }
        (taken.rejected, taken.record)
    }

    /// Sends back what nobody takes, and hands replies over; what is left is for queues.
    #[inline]
    pub(crate) fn route_checked(
        &mut self,
        key: ChannelKey,
        checked: Checked,
        out: &mut Vec<Effect>,
    ) -> Option<(NewMessage, Targets)> {
        if !checked.is_routed() {
            self.realm.stats.unroutable += 1;
            if checked.mandatory {
                self.send_back(key, checked.new, out);
            }
            return None;
        }
        for replier in &checked.repliers {
            if self.amqp.channels.get(*replier).is_some_and(|own| own.reply_consumer.is_some()) {
                self.deliver_reply(*replier, &checked.new.address, &checked.new.content, out);
            }
        }
        (!checked.targets.is_empty()).then_some((checked.new, checked.targets))
    }

    /// Delivers what can be delivered now; a message that then still waits somewhere is copied out of the buffer that it
    /// was read into.
    fn park_unless_delivered(&mut self, now: Time, message: MessageId, out: &mut Vec<Effect>) {
        self.deliver(now, out);
        if self.realm.waits(message) {
            self.realm.messages.park(message, self.realm.limits.parked_bytes);
        }
    }

    fn send_back(&mut self, key: ChannelKey, new: NewMessage, out: &mut Vec<Effect>) {
        let channel = self.amqp.channel(key);
        let returned = Return {
            connection: channel.connection,
            channel: channel.number,
            address: new.address,
            content: new.content,
        };
        self.emit(key, Effect::Return(returned), out);
    }

    /// Tells a publisher what became of a message, now or when the disk has it.
    fn confirm(
        &mut self,
        key: ChannelKey,
        tag: u64,
        rejected: bool,
        record: Option<RecordId>,
        out: &mut Vec<Effect>,
    ) {
        let channel = self.amqp.channel_mut(key);
        let Mode::Confirming(confirms) = &mut channel.mode else { return };
        match record {
            Some(record) if !rejected => {
                confirms.wait(tag, record);
                self.amqp.await_disk(key);
            }
            _ => {
                let may_merge = confirms.none_waits() && !rejected;
                self.send_confirm(key, tag, false, !rejected, may_merge, out);
            }
        }
    }

    /// What the disk now has is confirmed.
    pub(crate) fn confirm_persisted(&mut self, key: ChannelKey, out: &mut Vec<Effect>) {
        let persisted = self.amqp.persisted;
        let Mode::Confirming(confirms) = &mut self.amqp.channel_mut(key).mode else { return };
        if let Some(confirmed) = confirms.persisted(persisted) {
            self.send_confirm(key, confirmed.tag, confirmed.multiple, true, false, out);
        }
    }

    fn send_confirm(
        &mut self,
        key: ChannelKey,
        delivery_tag: u64,
        multiple: bool,
        accepted: bool,
        may_merge: bool,
        out: &mut Vec<Effect>,
    ) {
        let channel = self.amqp.channel(key);
        let (connection, channel) = (channel.connection, channel.number);
        if may_merge
            && let Some(Effect::Confirm(last)) = out.last_mut()
            && (last.connection, last.channel, last.accepted) == (connection, channel, true)
            && last.delivery_tag + 1 == delivery_tag
        {
            (last.delivery_tag, last.multiple) = (delivery_tag, true);
            return;
        }
        let confirm = Confirm { connection, channel, delivery_tag, multiple, accepted };
        self.emit(key, Effect::Confirm(confirm), out);
    }

    /// confirm.select (RabbitMQ extension).
    pub(crate) fn confirm_select(
        &mut self,
        key: ChannelKey,
        no_wait: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Reason> {
        let channel = self.amqp.channel_mut(key);
        match channel.mode {
            Mode::Transactional(_) => return Err(Reason::TxToConfirm),
            Mode::Confirming(_) => {}
            Mode::Plain => channel.mode = Mode::Confirming(Default::default()),
        }
        self.reply(key, Method::ConfirmSelectOk, no_wait, None, out);
        Ok(())
    }
}

/// Where the exchange's length lies in the arguments of basic.publish: behind the ticket.
const EXCHANGE_AT: u16 = 2;

fn check_expiration(properties: &Properties) -> Result<(), Reason> {
    match parse_expiration(properties) {
        Ok(_) => Ok(()),
        Err((text, explanation)) => Err(Reason::InvalidExpiration {
            text: shown(text.as_bytes()),
            explanation: String::into_boxed_str(explanation),
        }),
    }
}

/// The keys in the headers `CC` and `BCC`, and the content without `BCC` (RabbitMQ extension: sender-selected
/// distribution).
fn sender_selected(content: Content) -> Result<(Option<Box<Extra>>, Content), Reason> {
    let Some(headers) = content.properties.headers() else { return Ok((None, content)) };
    let cc = keys(headers, "CC")?;
    let bcc = keys(headers, "BCC")?;
    if cc.is_none() && bcc.is_none() {
        return Ok((None, content));
    }
    let hidden = bcc.is_some();
    let extra =
        Extra { cc: cc.unwrap_or_default(), bcc: bcc.unwrap_or_default(), ..Extra::default() };
    let content = if hidden { without_bcc(&content, headers) } else { content.clone() };
    Ok((Some(Box::new(extra)), content))
}

fn keys(headers: TableRef<'_>, header: &'static str) -> Result<Option<Vec<ShortStr>>, Reason> {
    match headers.get(header) {
        None => Ok(None),
        Some(Value::Array(array)) => Ok(Some(
            array
                .iter()
                .filter_map(|value| ShortStr::try_from(value.as_long_str()?).ok())
                .collect(),
        )),
        Some(other) => Err(Reason::HeaderType { header, kind: type_name(&other) }),
    }
}

fn without_bcc(content: &Content, headers: TableRef<'_>) -> Content {
    let mut kept = warrener_codec::TableBuilder::new();
    for (name, value) in headers {
        if name.as_bytes() != b"BCC" {
            kept.insert(name.as_bytes(), value);
        }
    }
    let kept = kept.build().expect("a part of a table is a table");
    let properties = content.properties.read().unwrap_or_default();
    let headers = Some(kept.as_table_ref());
    let properties = warrener_codec::PropertiesRef { headers, ..properties }.to_owned();
    Content { properties, body: content.body.clone() }
}
