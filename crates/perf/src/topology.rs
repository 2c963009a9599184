//! The exchange, queues and bindings of a scenario, and the keys that reach them.

use warrener_codec::method::{basic, exchange, queue};
use warrener_codec::{Method, Properties, ShortStr, Table, TableBuilder, Value};
use warrener_connection::Event;

use crate::error::PerfError;
use crate::link::{CHANNEL, Link};
use crate::options::{Exchange, Scenario};

/// The address that stands for the one who asks (RabbitMQ extension).
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// How many questions may be open while declaring.
const DECLARE_WINDOW: usize = 256;

/// Everything a producer or consumer needs to know about names.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) exchange: ShortStr,
    pub(crate) queues: Vec<ShortStr>,
    /// Producers use these in turn,
    pub(crate) keys: Vec<ShortStr>,
    /// and these.
    pub(crate) properties: Vec<Properties>,
    /// How many queues get each message.
    pub(crate) copies: u64,
    kind: Exchange,
    bindings: Vec<Binding>,
    arguments: Table,
}

#[derive(Debug)]
struct Binding {
    queue: usize,
    key: ShortStr,
    arguments: Table,
}

impl Topology {
    pub(crate) fn new(scenario: &Scenario) -> Result<Self, PerfError> {
        let named =
            |what: String| ShortStr::try_from(format!("{}-{what}", scenario.name).as_bytes());
        let kind = scenario.exchange;
        let exchange = match kind {
            Exchange::Default => ShortStr::default(),
            _ => named(kind.kind().to_owned())?,
        };
        let queues: Vec<ShortStr> =
            (0..scenario.queues).map(|at| named(at.to_string())).collect::<Result<_, _>>()?;
        let (mut keys, mut bindings) = (Vec::new(), Vec::new());
        for at in 0..scenario.queues + scenario.bindings {
            let queue = at % scenario.queues;
            let (pattern, key) = pattern_and_key(kind, at, &queues)?;
            let arguments = match kind {
                Exchange::Headers => {
                    TableBuilder::new().with("queue", Value::I64(at as i64)).build()?
                }
                _ => Table::default(),
            };
            keys.push(key);
            bindings.push(Binding { queue, key: pattern, arguments });
        }
        if matches!(kind, Exchange::Fanout | Exchange::Headers) {
            keys.truncate(1);
        }
        let copies = if kind == Exchange::Fanout { scenario.queues as u64 } else { 1 };
        let properties = properties(scenario)?;
        let arguments = arguments(scenario)?;
        Ok(Self { exchange, queues, keys, properties, copies, kind, bindings, arguments })
    }

    /// Declares everything; queues that exist are emptied first.
    pub(crate) fn declare(&self, link: &mut Link) -> Result<(), PerfError> {
        self.delete(link)?;
        if self.kind != Exchange::Default {
            let kind = ShortStr::from_static(self.kind.kind());
            let exchange = self.exchange.clone();
            let declare = exchange::Declare { exchange, kind, ..Default::default() };
            link.ask(&Method::ExchangeDeclare(declare.into()))?;
        }
        let arguments = &self.arguments;
        ask_all(link, &self.queues, |queue| {
            let (queue, arguments) = (queue.clone(), arguments.clone());
            queue::Declare { queue, durable: true, arguments, ..Default::default() }.into()
        })?;
        if self.kind == Exchange::Default {
            return Ok(());
        }
        ask_all(link, &self.bindings, |binding| {
            let bind = queue::Bind {
                queue: self.queues[binding.queue].clone(),
                exchange: self.exchange.clone(),
                routing_key: binding.key.clone(),
                arguments: binding.arguments.clone(),
                ..Default::default()
            };
            bind.into()
        })
    }

    /// Deletes everything, whether it is there or not.
    pub(crate) fn delete(&self, link: &mut Link) -> Result<(), PerfError> {
        ask_all(link, &self.queues, |queue| {
            queue::Delete { queue: queue.clone(), ..Default::default() }.into()
        })?;
        if self.kind != Exchange::Default {
            let exchange = self.exchange.clone();
            link.ask(&exchange::Delete { exchange, ..Default::default() }.into())?;
        }
        Ok(())
    }

    /// The queues of one consumer among `consumers`.
    pub(crate) fn share(&self, consumer: usize, consumers: usize) -> Vec<ShortStr> {
        let queues = self.queues.len();
        if consumers >= queues {
            return vec![self.queues[consumer % queues].clone()];
        }
        self.queues.iter().skip(consumer).step_by(consumers).cloned().collect()
    }
}

fn pattern_and_key(
    kind: Exchange,
    at: usize,
    queues: &[ShortStr],
) -> Result<(ShortStr, ShortStr), PerfError> {
    Ok(match kind {
        Exchange::Default => (ShortStr::default(), queues[at % queues.len()].clone()),
        Exchange::Direct => {
            let key = ShortStr::try_from(format!("key.{at}").as_bytes())?;
            (key.clone(), key)
        }
        Exchange::Topic => (
            ShortStr::try_from(format!("stocks.{at}.*").as_bytes())?,
            ShortStr::try_from(format!("stocks.{at}.price").as_bytes())?,
        ),
        Exchange::Fanout | Exchange::Headers => (ShortStr::default(), ShortStr::default()),
    })
}

fn properties(scenario: &Scenario) -> Result<Vec<Properties>, PerfError> {
    let expiration = scenario.ttl.map(|ms| ms.to_string());
    let headers = match scenario.exchange {
        Exchange::Headers => scenario.queues + scenario.bindings,
        _ => 0,
    };
    let priorities = usize::from(scenario.priorities.unwrap_or(0));
    (0..headers.max(priorities).max(1))
        .map(|at| {
            let table = TableBuilder::new().with("queue", Value::I64(at as i64)).build()?;
            let mut builder = Properties::builder();
            if headers > 0 {
                builder = builder.headers(&table);
            }
            builder = builder.delivery_mode(if scenario.persistent { 2 } else { 1 });
            if priorities > 0 {
                builder = builder.priority((at % priorities) as u8);
            }
            if scenario.request_reply {
                builder = builder.reply_to(REPLY_TO);
            }
            if let Some(expiration) = &expiration {
                builder = builder.expiration(expiration);
            }
            Ok(builder.build()?)
        })
        .collect()
}

fn arguments(scenario: &Scenario) -> Result<Table, PerfError> {
    let mut table = TableBuilder::new();
    if scenario.quorum {
        table.insert("x-queue-type", Value::LongStr(b"quorum"));
    }
    if let Some(priorities) = scenario.priorities {
        table.insert("x-max-priority", Value::I32(i32::from(priorities.saturating_sub(1).max(1))));
    }
    for argument in &scenario.queue_arguments {
        let Some((name, value)) = argument.split_once('=') else {
            return Err(PerfError::options(format!("{argument} is no NAME=VALUE")));
        };
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => text.parse().map_or(Value::LongStr(text.as_bytes()), Value::I64),
        };
        table.insert(name, value);
    }
    Ok(table.build()?)
}

/// Asks many questions, some ahead of the answers.
fn ask_all<T>(link: &mut Link, of: &[T], question: impl Fn(&T) -> Method) -> Result<(), PerfError> {
    for some in of.chunks(DECLARE_WINDOW) {
        for one in some {
            link.machine.send(CHANNEL, &question(one))?;
        }
        let mut answered = 0;
        while answered < some.len() {
            link.turn(None, |_, event| {
                answered += usize::from(matches!(event, Event::Method(..)));
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Begins to consume from each of these queues.
pub(crate) fn consume(
    link: &mut Link,
    queues: &[ShortStr],
    scenario: &Scenario,
) -> Result<(), PerfError> {
    if scenario.prefetch > 0 {
        let qos = basic::Qos { prefetch_count: scenario.prefetch, ..Default::default() };
        link.ask(&qos.into())?;
    }
    for queue in queues {
        let no_ack = scenario.auto_ack;
        let consume =
            basic::Consume { queue: queue.clone(), no_ack, no_wait: true, ..Default::default() };
        let consumer_tag = queue.clone();
        link.machine.send(CHANNEL, &basic::Consume { consumer_tag, ..consume }.into())?;
        link.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::{Command, Options};

    fn topology(line: &str) -> Topology {
        let line = ["warrener-perf", "run"].into_iter().chain(line.split_whitespace());
        let Command::Run(run) = Options::try_parse_from(line).unwrap().command else {
            unreachable!("run was asked for")
        };
        Topology::new(&run.scenario).unwrap()
    }

    #[test]
    fn each_queue_has_a_consumer_and_each_consumer_a_queue() {
        for (queues, consumers) in [(1, 1), (1, 4), (4, 1), (4, 4), (10, 3), (3, 10)] {
            let topology = topology(&format!("-q {queues}"));
            let shares: Vec<_> = (0..consumers).map(|at| topology.share(at, consumers)).collect();
            assert!(
                shares.iter().all(|share| !share.is_empty()),
                "{queues} {consumers} {shares:?}"
            );
            for queue in &topology.queues {
                assert!(shares.iter().flatten().any(|own| own == queue), "{queues} {consumers}");
            }
            assert_eq!(shares.iter().flatten().count(), queues.max(consumers));
        }
    }

    #[test]
    fn keys_reach_the_bindings_asked_for() {
        let topic = topology("--exchange topic -q 2 --bindings 3");
        assert_eq!((topic.keys.len(), topic.bindings.len()), (5, 5));
        assert_eq!(topic.keys[4], "stocks.4.price");
        let fanout = topology("--exchange fanout -q 10");
        assert_eq!((fanout.keys.len(), fanout.bindings.len(), fanout.copies), (1, 10, 10));
        let headers = topology("--exchange headers -q 2");
        assert_eq!((headers.keys.len(), headers.properties.len()), (1, 2));
    }
}
