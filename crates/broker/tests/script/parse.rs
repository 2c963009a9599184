//! Lines of a script, and the methods they stand for.

use core::time::Duration;

use warrener_broker::{Alarm, ConnectionId, Input};
use warrener_codec::method::basic::{Publish, PublishRef};
use warrener_codec::method::{access, basic, channel, confirm, exchange, queue};
use warrener_codec::{
    ArrayBuilder, ChannelId, Content, Method, Properties, ShortRef, ShortStr, Table, TableBuilder,
    Value,
};

/// A line: who, what, and with what.
pub(crate) struct Line<'a> {
    pub(crate) verb: &'a str,
    place: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a str) -> Self {
        let mut words = line.split_whitespace();
        let first = words.next().expect("a line has words");
        let is_place = first.starts_with(|c: char| c.is_ascii_digit());
        let (place, verb) =
            if is_place { (first, words.next().expect("a verb")) } else { ("", first) };
        Self { verb, place, words: words.collect() }
    }

    pub(crate) fn connection(&self) -> ConnectionId {
        let number = self.place.split('.').next().expect("a connection");
        ConnectionId(number.parse().expect("a connection's number"))
    }

    pub(crate) fn channel(&self) -> ChannelId {
        let (_, number) = self.place.split_once('.').expect("connection.channel");
        ChannelId::new(number.parse().expect("a channel's number"))
    }

    pub(crate) fn word(&self, index: usize) -> &'a str {
        self.words.get(index).unwrap_or_else(|| panic!("{} needs more words", self.verb))
    }

    pub(crate) fn number<T: core::str::FromStr>(&self, index: usize) -> T {
        let word = self.word(index);
        word.parse().unwrap_or_else(|_| panic!("{word} is not a number"))
    }

    fn name(&self, index: usize) -> ShortStr {
        short(self.word(index))
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.words.contains(&flag)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// The table of all `prefix:name=value`.
    fn table(&self, prefix: &str) -> Table {
        let mut table = TableBuilder::new();
        for word in &self.words {
            let Some(rest) = word.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'))
            else {
                continue;
            };
            let (name, text) = rest.split_once('=').expect("name=value");
            insert(&mut table, name, text);
        }
        table.build().expect("a small table")
    }
}

/// Adds a value: `a,b` is an array, `true` a bool, `5` an integer, anything else a long string; `s!5` is one too.
fn insert(table: &mut TableBuilder, name: &str, text: &str) {
    if let Some(text) = text.strip_prefix("s!") {
        table.insert(name, text);
    } else if let Some(list) = text.strip_prefix("a!") {
        let mut array = ArrayBuilder::new();
        for item in list.split(',').filter(|item| !item.is_empty()) {
            array.push(item);
        }
        table.insert(name, &array.build().expect("a small array"));
    } else if let Ok(truth) = text.parse::<bool>() {
        table.insert(name, truth);
    } else if let Ok(number) = text.parse::<i32>() {
        table.insert(name, number);
    } else if let Ok(number) = text.parse::<i64>() {
        table.insert(name, number);
    } else {
        table.insert(name, if text == "void" { Value::Void } else { Value::from(text) });
    }
}

pub(crate) fn short(word: &str) -> ShortStr {
    ShortStr::try_from(if word == "-" { "" } else { word }).expect("a short name")
}

pub(crate) fn duration(word: &str) -> Duration {
    if let Some(ms) = word.strip_suffix("ms") {
        return Duration::from_millis(ms.parse().expect("milliseconds"));
    }
    let seconds = word.strip_suffix('s').expect("5s or 5ms");
    Duration::from_secs(seconds.parse().expect("seconds"))
}

/// `publish EXCHANGE KEY BODY`, and what the properties say.
pub(crate) fn publish(line: &Line<'_>) -> (Publish, Content) {
    let (exchange, key) = (line.name(0), line.name(1));
    let publish = Publish::from(PublishRef {
        ticket: 0,
        exchange: exchange.as_short_ref(),
        routing_key: key.as_short_ref(),
        mandatory: line.has("mandatory"),
        immediate: line.has("immediate"),
    });
    let headers = line.table("h");
    let text = |name| line.value(name).map(|text| ShortRef::try_from(text).expect("short"));
    let properties = warrener_codec::PropertiesRef {
        headers: (!headers.is_empty()).then(|| headers.as_table_ref()),
        delivery_mode: line.has("persistent").then_some(2),
        priority: line.value("priority").map(|priority| priority.parse().expect("0 to 255")),
        expiration: text("expiration"),
        reply_to: text("reply-to"),
        user_id: text("user-id"),
        correlation_id: text("correlation-id"),
        message_id: text("message-id"),
        ..Default::default()
    };
    let properties: Properties = properties.to_owned();
    let body = if line.word(2) == "-" { "" } else { line.word(2) };
    (publish, Content::new(properties, body.as_bytes().to_vec()))
}

/// Any other method.
pub(crate) fn method(line: &Line<'_>) -> Method {
    match line.verb {
        "ack" => Method::BasicAck(basic::Ack {
            delivery_tag: line.number(0),
            multiple: line.has("multiple"),
        }),
        "nack" => Method::BasicNack(basic::Nack {
            delivery_tag: line.number(0),
            multiple: line.has("multiple"),
            requeue: line.has("requeue"),
        }),
        "reject" => Method::BasicReject(basic::Reject {
            delivery_tag: line.number(0),
            requeue: line.has("requeue"),
        }),
        "get" => Method::BasicGet(basic::Get {
            ticket: 0,
            queue: line.name(0),
            no_ack: line.has("no-ack"),
        }),
        "consume" => Method::BasicConsume(Box::new(basic::Consume {
            ticket: 0,
            queue: line.name(0),
            consumer_tag: line.name(1),
            no_local: line.has("no-local"),
            no_ack: line.has("no-ack"),
            exclusive: line.has("exclusive"),
            no_wait: line.has("no-wait"),
            arguments: line.table("arg"),
        })),
        "cancel" => Method::BasicCancel(basic::Cancel {
            consumer_tag: line.name(0),
            no_wait: line.has("no-wait"),
        }),
        "qos" => Method::BasicQos(basic::Qos {
            prefetch_size: line.value("size").map_or(0, |size| size.parse().expect("octets")),
            prefetch_count: line.number(0),
            global: line.has("global"),
        }),
        "recover" => Method::BasicRecover(basic::Recover { requeue: !line.has("requeue=false") }),
        "flow" => Method::ChannelFlow(channel::Flow { active: line.word(0) == "on" }),
        "confirm.select" => Method::ConfirmSelect(confirm::Select { no_wait: line.has("no-wait") }),
        "tx.select" => Method::TxSelect,
        "tx.commit" => Method::TxCommit,
        "tx.rollback" => Method::TxRollback,
        "access.request" => Method::AccessRequest(access::Request::default()),
        "basic.deliver" => Method::BasicGetEmpty,
        definition => definitions(line, definition),
    }
}

fn definitions(line: &Line<'_>, verb: &str) -> Method {
    let arguments = line.table("arg");
    let no_wait = line.has("no-wait");
    match verb {
        "exchange.declare" => Method::ExchangeDeclare(Box::new(exchange::Declare {
            ticket: 0,
            exchange: line.name(0),
            kind: line.name(1),
            passive: line.has("passive"),
            durable: line.has("durable"),
            auto_delete: line.has("auto-delete"),
            internal: line.has("internal"),
            no_wait,
            arguments,
        })),
        "exchange.delete" => Method::ExchangeDelete(exchange::Delete {
            ticket: 0,
            exchange: line.name(0),
            if_unused: line.has("if-unused"),
            no_wait,
        }),
        "exchange.bind" => Method::ExchangeBind(Box::new(exchange::Bind {
            ticket: 0,
            destination: line.name(0),
            source: line.name(1),
            routing_key: line.name(2),
            no_wait,
            arguments,
        })),
        "exchange.unbind" => Method::ExchangeUnbind(Box::new(exchange::Unbind {
            ticket: 0,
            destination: line.name(0),
            source: line.name(1),
            routing_key: line.name(2),
            no_wait,
            arguments,
        })),
        "queue.declare" => Method::QueueDeclare(Box::new(queue::Declare {
            ticket: 0,
            queue: line.name(0),
            passive: line.has("passive"),
            durable: line.has("durable"),
            exclusive: line.has("exclusive"),
            auto_delete: line.has("auto-delete"),
            no_wait,
            arguments,
        })),
        "queue.delete" => Method::QueueDelete(queue::Delete {
            ticket: 0,
            queue: line.name(0),
            if_unused: line.has("if-unused"),
            if_empty: line.has("if-empty"),
            no_wait,
        }),
        "queue.purge" => {
            Method::QueuePurge(queue::Purge { ticket: 0, queue: line.name(0), no_wait })
        }
        "queue.bind" => Method::QueueBind(Box::new(queue::Bind {
            ticket: 0,
            queue: line.name(0),
            exchange: line.name(1),
            routing_key: line.name(2),
            no_wait,
            arguments,
        })),
        "queue.unbind" => Method::QueueUnbind(Box::new(queue::Unbind {
            ticket: 0,
            queue: line.name(0),
            exchange: line.name(1),
            routing_key: line.name(2),
            arguments,
        })),
        other => panic!("{other}: no such verb"),
    }
}

/// `alarm disk on`
pub(crate) fn alarm(line: &Line<'_>) -> Input {
    let alarm = match line.word(0) {
        "memory" => Alarm::Memory,
        "disk" => Alarm::Disk,
        other => panic!("{other}: no such alarm"),
    };
    Input::Alarm(alarm, line.word(1) == "on")
}
