//! A broker, a good tenant and a bad one, and a clock beside it.

#![expect(clippy::disallowed_methods, reason = "calls are measured one by one")]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use core::time::Duration;
use std::time::Instant;

use warrener_broker::{
    Broker, Capabilities, Config, Connected, ConnectionId, Effect, Input, PasswordHash, Progress,
    Seed, User,
};
use warrener_codec::method::basic::{Publish, PublishRef};
use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef, ShortStr, Table};
use warrener_time::Time;

pub(crate) const GOOD: ConnectionId = ConnectionId(1);
pub(crate) const BAD: ConnectionId = ConnectionId(2);
pub(crate) const CHANNEL: ChannelId = ChannelId::new(1);

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) now: Time,
    effects: Vec<Effect>,
    pub(crate) longest: Duration,
    /// What the good tenant waited, each time.
    waits: Vec<Duration>,
    delivered: bool,
    turns: usize,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut config = Config::new(Seed::from(1));
        let guest = ShortStr::from_static("guest");
        let vhost = ShortStr::from_static("/");
        config.users = vec![User::with_full_access(guest, PasswordHash::default(), vhost)];
        config.limits.memory_budget_bytes = 64 << 30;
        let now = Time::from_secs(1_000);
        let mut world = Self {
            broker: Broker::new(config, now),
            now,
            effects: Vec::new(),
            longest: Duration::ZERO,
            waits: Vec::new(),
            delivered: false,
            turns: 0,
        };
        for connection in [GOOD, BAD] {
            let connected = Connected {
                connection,
                user: ShortStr::from_static("guest"),
                vhost: ShortStr::from_static("/"),
                name: ShortStr::EMPTY,
                frame_max: 131_072,
                capabilities: Capabilities::default(),
                said: Default::default(),
            };
            world.handle(Input::Connected(Box::new(connected)));
            world.handle(Input::ChannelOpened(connection, CHANNEL));
        }
        world.declare(GOOD, "own", Table::default());
        let consume = basic::Consume { queue: short("own"), no_ack: true, ..Default::default() };
        world.method(GOOD, consume.into());
        world
    }

    /// One call, measured.
    pub(crate) fn call(
        &mut self,
        call: impl FnOnce(&mut Broker, Time, &mut Vec<Effect>),
    ) -> Duration {
        let begun = Instant::now();
        call(&mut self.broker, self.now, &mut self.effects);
        let took = begun.elapsed();
        self.longest = self.longest.max(took);
        let mut written = None;
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Persist(record) => written = Some(record.id),
                Effect::Deliver(delivery) if delivery.connection == GOOD => self.delivered = true,
                _ => {}
            }
        }
        if let Some(upto) = written {
            self.handle(Input::Persisted(Progress { upto, ahead: upto }));
        }
        took
    }

    pub(crate) fn handle(&mut self, input: Input) -> Duration {
        self.call(|broker, now, effects| broker.handle(now, input, effects))
    }

    pub(crate) fn method(&mut self, connection: ConnectionId, method: Method) -> Duration {
        self.handle(Input::Method(connection, CHANNEL, method))
    }

    pub(crate) fn declare(&mut self, connection: ConnectionId, name: &str, arguments: Table) {
        let declare = queue::Declare { queue: short(name), arguments, ..Default::default() };
        self.method(connection, declare.into());
    }

    pub(crate) fn publish(
        &mut self,
        connection: ConnectionId,
        exchange: &str,
        key: &str,
    ) -> Duration {
        let publish = PublishRef {
            exchange: ShortRef::new(exchange.as_bytes()).expect("short"),
            routing_key: ShortRef::new(key.as_bytes()).expect("short"),
            ..Default::default()
        };
        let content = Content::new(Properties::default(), vec![7; 16]);
        self.handle(Input::Publish(connection, CHANNEL, Publish::from(publish), content))
    }

    /// Goes on until nothing is left to do. After each call, `took` long, the good tenant's message has come in while that was
    /// going on, and waits until it is delivered.
    pub(crate) fn finish(&mut self, mut took: Duration) {
        loop {
            self.delivered = false;
            let mut waited = took + self.publish(GOOD, "", "own");
            while !self.delivered {
                waited += self.turn();
            }
            self.waits.push(waited);
            self.handle(Input::Drained(GOOD, u32::MAX));
            self.handle(Input::Drained(BAD, u32::MAX));
            if self.broker.poll_timeout().is_none_or(|(due, _)| due > self.now) {
                return;
            }
            took = self.turn();
        }
    }

    pub(crate) fn turn(&mut self) -> Duration {
        self.turns += 1;
        self.call(|broker, now, effects| broker.handle_timeout(now, effects))
    }

    pub(crate) fn prepared(&mut self) {
        self.finish(Duration::ZERO);
        (self.longest, self.turns) = (Duration::ZERO, 0);
        self.waits.clear();
    }

    pub(crate) fn tell(mut self, history: &str) {
        self.waits.sort_unstable();
        let p99 = self.waits[self.waits.len() * 99 / 100];
        let worst = self.waits.last().copied().unwrap_or_default();
        println!(
            "{history:40} {:>7.2} ms {:>9.2} ms {:>9.2} ms {:>8}",
            ms(self.longest),
            ms(p99),
            ms(worst),
            self.turns
        );
    }
}

pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(crate) fn short(text: &str) -> ShortStr {
    ShortStr::truncated(text)
}

pub(crate) fn headings() {
    println!(
        "{:40} {:>10} {:>12} {:>12} {:>8}",
        "history", "longest", "good p99", "good worst", "turns"
    );
}
