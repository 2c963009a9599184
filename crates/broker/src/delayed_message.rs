//! Exchanges of type `x-delayed-message` (RabbitMQ extension): a message waits in its exchange until its time has come,
//! and is routed then.

use alloc::vec::Vec;
use core::time::Duration;

use warrener_codec::{Content, Properties, PropertiesRef, TableBuilder, Value};
use warrener_router::ExchangeId;
use warrener_time::Time;

use crate::effect::Effect;
use crate::fan_out::AT_ONCE;
use crate::id::{MessageId, QueueId};
use crate::publish::Exchange;
use crate::realm::{Held, Realm};

/// The header that says for how many milliseconds a message is to wait.
const DELAY: &str = "x-delay";

/// The longest wait, as the plugin has it; messages that ask for more, or for none, are routed at once.
const LONGEST_DELAY_MS: i64 = u32::MAX as i64;

/// How long a message is to wait, if it says so.
pub(crate) fn delay_of(properties: &Properties) -> Option<Duration> {
    let delay_ms = delay_ms(&properties.headers()?.get(DELAY)?)?;
    let wanted = (1..=LONGEST_DELAY_MS).contains(&delay_ms);
    wanted.then(|| Duration::from_millis(delay_ms.unsigned_abs()))
}

fn delay_ms(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::LongStr(text) => core::str::from_utf8(text).ok()?.parse().ok(),
        Value::F32(number) => Some(*number as i64),
        Value::F64(number) => Some(*number as i64),
        integer => integer.as_i64(),
    }
}

/// The message after its wait: its delay is negative, so that no other exchange delays it again and its consumer knows.
fn after_delay(content: &Content) -> Content {
    let properties = content.properties.read().unwrap_or_default();
    let mut headers = TableBuilder::new();
    for (name, value) in properties.headers.unwrap_or_default() {
        match delay_ms(&value).filter(|_| name.as_bytes() == DELAY.as_bytes()) {
            Some(delay_ms) => match i32::try_from(-delay_ms) {
                Ok(negative) => headers.insert(DELAY, negative),
                Err(_) => headers.insert(DELAY, -delay_ms),
            },
            None => headers.insert(name.as_bytes(), value),
        };
    }
    let headers = headers.build().expect("headers that were taken in, with another number, fit");
    let headers = Some(headers.as_table_ref());
    let properties = PropertiesRef { headers, ..properties }.to_owned();
    Content { properties, body: content.body.clone() }
}

impl Realm {
    /// Takes messages whose time has come from their exchanges, up to a bound, and sends them on.
    pub(crate) fn release_overdue(&mut self, now: Time, out: &mut Vec<Effect>) {
        for _ in 0..self.limits.deliveries_per_input {
            let Some(&id) = self.overdue.front() else { return };
            if self.effort.is_spent(out.len()) {
                return;
            }
            self.effort.visit(1);
            let Some(slot) = self.queues.get_mut(id) else {
                self.overdue.pop_front();
                continue;
            };
            let taken = slot.queue.get(now, true, &mut self.answers);
            if taken.is_none() {
                slot.awake = false;
                self.overdue.pop_front();
            }
            self.collect(id);
            self.reschedule(id);
            self.absorb(now, out);
        }
    }

    /// A message's time has come: it goes from its exchange to the queues that are bound by now, as one durable fact.
    pub(crate) fn send_on(
        &mut self,
        now: Time,
        queue: QueueId,
        exchange: ExchangeId,
        message: MessageId,
        out: &mut Vec<Effect>,
    ) {
        let vhost = self.queue(queue).vhost;
        if self.vhosts[vhost].exchange_at(exchange).is_none() {
            return self.let_go(queue, message, None, out);
        }
        let mut new = self.messages.whole(message).new.clone();
        new.content = after_delay(&new.content);
        let mut targets = Vec::new();
        if self.route(vhost, Exchange::Named(exchange), &new, &mut targets) != Ok(true) {
            self.stats.unroutable += 1;
        }
        let source = Some(Held { queue, message });
        if targets.len() > AT_ONCE {
            return self.fan_out_from(source, new, &targets);
        }
        self.go_to(now, source, new, &targets, out);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use warrener_codec::Body;

    fn properties(value: Value<'_>) -> Properties {
        let headers = TableBuilder::new().with("a", 1).with(DELAY, value).build().expect("small");
        PropertiesRef { headers: Some(headers.as_table_ref()), ..PropertiesRef::default() }
            .to_owned()
    }

    #[test]
    fn a_delay_is_any_number_between_none_and_49_days() {
        let ms = |value: Value<'_>| delay_of(&properties(value)).map(|delay| delay.as_millis());
        for (value, expected) in [
            (Value::I32(5), Some(5)),
            (Value::U8(5), Some(5)),
            (Value::I64(4_294_967_295), Some(4_294_967_295)),
            (Value::I64(4_294_967_296), None),
            (Value::I32(0), None),
            (Value::I32(-5), None),
            (Value::F64(5.9), Some(5)),
            (Value::F64(f64::NAN), None),
            (Value::LongStr(b"50"), Some(50)),
            (Value::LongStr(b"soon"), None),
            (Value::Bool(true), None),
        ] {
            assert_eq!(ms(value), expected, "{value:?}");
        }
        assert_eq!(delay_of(&Properties::default()), None);
    }

    #[test]
    fn after_the_wait_the_delay_is_negative_and_nothing_else_has_changed() {
        for (before, after) in [
            (Value::I64(5), Value::I32(-5)),
            (Value::I64(4_294_967_295), Value::I64(-4_294_967_295)),
            (Value::LongStr(b"50"), Value::I32(-50)),
        ] {
            let content = Content::new(properties(before), Body::default());
            let sent = after_delay(&content);
            let headers = sent.properties.headers().expect("headers");
            let seen: Vec<_> =
                headers.iter().map(|(name, value)| (name.as_bytes(), value)).collect();
            assert_eq!(seen, [(&b"a"[..], Value::I32(1)), (DELAY.as_bytes(), after)]);
            assert_eq!(delay_of(&sent.properties), None);
        }
    }
}
