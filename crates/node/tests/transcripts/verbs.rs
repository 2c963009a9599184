//! What the verbs of a script put on the wire.

use bytes::Bytes;
use warrener_codec::method::{access, basic, channel, confirm, connection, exchange, queue};
use warrener_codec::{
    ChannelId, Content, Frame, Header, LongStr, Method, Properties, PropertiesRef, ReplyCode,
    ShortRef, TableBuilder,
};

use crate::line::{Line, hex, short};

/// The frames of a line, encoded.
pub(crate) fn octets(line: &Line, frame_max: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let channel = line.channel();
    match line.verb.as_str() {
        "octets" => line.words().iter().for_each(|word| out.extend(hex(word))),
        "greeting" => out.extend(line.word(0).as_bytes()),
        "publish" => publish(line, frame_max, &mut out),
        "header" => {
            let mut header = Header::new(line.number(0), properties(line));
            header.class_id = line.number_or("class", 60);
            Frame::Header(channel, header).encode(&mut out);
        }
        "body" => Frame::Body(channel, body(line.word(0))).encode(&mut out),
        "heartbeat" => Frame::Heartbeat.encode(&mut out),
        _ => Frame::Method(channel, method(line)).encode(&mut out),
    }
    out
}

/// `publish EXCHANGE KEY BODY`, and what the properties say.
fn publish(line: &Line, frame_max: u32, out: &mut Vec<u8>) {
    let channel: ChannelId = line.channel();
    Frame::Method(channel, method(line)).encode(out);
    let content = Content::new(properties(line), body(line.word(2)));
    content.encode(channel, frame_max, out);
}

/// A body: a word, nothing for `-`, and so many octets for `size:N`.
fn body(word: &str) -> Bytes {
    match word.strip_prefix("size:") {
        Some(size) => vec![b'.'; size.parse().expect("a size")].into(),
        None if word == "-" => Bytes::new(),
        None => word.as_bytes().to_vec().into(),
    }
}

fn properties(line: &Line) -> Properties {
    let headers = line.table("h");
    let text = |name| {
        line.value(name)
            .map(|text| ShortRef::try_from(if text == "-" { "" } else { text }).expect("short"))
    };
    let number = |name| line.value(name).map(|number| number.parse().expect("0 to 255"));
    let properties = PropertiesRef {
        content_type: text("content-type"),
        content_encoding: text("content-encoding"),
        headers: headers.as_ref().map(|headers| headers.as_table_ref()),
        delivery_mode: if line.has("persistent") { Some(2) } else { number("delivery-mode") },
        priority: number("priority"),
        correlation_id: text("correlation-id"),
        reply_to: text("reply-to"),
        expiration: text("expiration"),
        message_id: text("message-id"),
        timestamp: line.value("timestamp").map(|seconds| seconds.parse().expect("seconds")),
        kind: text("type"),
        user_id: text("user-id"),
        app_id: text("app-id"),
        cluster_id: text("cluster-id"),
    };
    properties.to_owned()
}

pub(crate) fn method(line: &Line) -> Method {
    match line.verb.split('.').next().expect("a word") {
        "connection" => connection_method(line),
        "channel" | "confirm" | "tx" | "access" => channel_method(line),
        "exchange" => exchange_method(line),
        "queue" => queue_method(line),
        _ => basic_method(line),
    }
}

fn connection_method(line: &Line) -> Method {
    match line.verb.as_str() {
        "connection.start-ok" => start_ok(line),
        "connection.secure-ok" => {
            Method::ConnectionSecureOk(connection::SecureOk { response: text(line.word(0)) })
        }
        "connection.tune-ok" => Method::ConnectionTuneOk(connection::TuneOk {
            channel_max: line.number(0),
            frame_max: line.number(1),
            heartbeat: line.number(2),
        }),
        "connection.open" => {
            Method::ConnectionOpen(connection::Open { virtual_host: line.name(0) })
        }
        "connection.close" => Method::ConnectionClose(connection::Close {
            reply_code: ReplyCode::REPLY_SUCCESS,
            reply_text: short("Goodbye"),
            class_id: 0,
            method_id: 0,
        }),
        "connection.close-ok" => Method::ConnectionCloseOk,
        "connection.update-secret" => {
            Method::ConnectionUpdateSecret(Box::new(connection::UpdateSecret {
                new_secret: text(line.word(0)),
                reason: line.name(1),
            }))
        }
        other => panic!("{other}: no such verb"),
    }
}

fn text(word: &str) -> LongStr {
    let octets = if word == "-" { "" } else { word }.as_bytes().to_vec();
    LongStr::from(octets)
}

/// `connection.start-ok MECHANISM RESPONSE`, with the capabilities of a client, or `without=` some of them.
pub(crate) fn start_ok(line: &Line) -> Method {
    let without = line.value("without").unwrap_or_default();
    let mut able = TableBuilder::new();
    for name in [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "exchange_exchange_bindings",
        "publisher_confirms",
    ] {
        if !without.split(',').any(|word| word == name) {
            able.insert(name, true);
        }
    }
    let able = able.build().expect("a small table");
    let client_properties = TableBuilder::new()
        .with("product", "transcripts")
        .with("capabilities", able.as_table_ref())
        .build()
        .expect("a small table");
    Method::ConnectionStartOk(Box::new(connection::StartOk {
        client_properties,
        mechanism: line.name(0),
        response: text(line.word(1)),
        locale: short(line.value("locale").unwrap_or("en_US")),
    }))
}

fn channel_method(line: &Line) -> Method {
    match line.verb.as_str() {
        "channel.open" => Method::ChannelOpen,
        "channel.flow" => Method::ChannelFlow(channel::Flow { active: line.word(0) == "on" }),
        "channel.flow-ok" => Method::ChannelFlowOk(channel::FlowOk { active: true }),
        "channel.close" => Method::ChannelClose(channel::Close {
            reply_code: ReplyCode::REPLY_SUCCESS,
            reply_text: short("Goodbye"),
            class_id: 0,
            method_id: 0,
        }),
        "channel.close-ok" => Method::ChannelCloseOk,
        "confirm.select" => Method::ConfirmSelect(confirm::Select { no_wait: line.has("no-wait") }),
        "tx.select" => Method::TxSelect,
        "tx.commit" => Method::TxCommit,
        "tx.rollback" => Method::TxRollback,
        "access.request" => Method::AccessRequest(access::Request::default()),
        other => panic!("{other}: no such verb"),
    }
}

fn exchange_method(line: &Line) -> Method {
    let (arguments, no_wait) = (line.arguments(), line.has("no-wait"));
    match line.verb.as_str() {
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
        other => panic!("{other}: no such verb"),
    }
}

fn queue_method(line: &Line) -> Method {
    let (arguments, no_wait) = (line.arguments(), line.has("no-wait"));
    match line.verb.as_str() {
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
        "queue.declare-ok" => Method::QueueDeclareOk(queue::DeclareOk::default()),
        other => panic!("{other}: no such verb"),
    }
}

fn basic_method(line: &Line) -> Method {
    match line.verb.as_str() {
        "publish" | "publish-without-content" => {
            let (exchange, key) = (line.name(0), line.name(1));
            let publish = basic::PublishRef {
                ticket: 0,
                exchange: exchange.as_short_ref(),
                routing_key: key.as_short_ref(),
                mandatory: line.has("mandatory"),
                immediate: line.has("immediate"),
            };
            publish.into()
        }
        "ack" => basic::Ack { delivery_tag: line.number(0), multiple: line.has("multiple") }.into(),
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
            arguments: line.arguments(),
        })),
        "cancel" => Method::BasicCancel(basic::Cancel {
            consumer_tag: line.name(0),
            no_wait: line.has("no-wait"),
        }),
        "cancel-ok" => Method::BasicCancelOk(basic::CancelOk { consumer_tag: line.name(0) }),
        "qos" => Method::BasicQos(basic::Qos {
            prefetch_size: line.number_or("size", 0),
            prefetch_count: line.number(0),
            global: line.has("global"),
        }),
        "recover" => Method::BasicRecover(basic::Recover { requeue: !line.has("keep") }),
        "recover-async" => {
            Method::BasicRecoverAsync(basic::RecoverAsync { requeue: !line.has("keep") })
        }
        other => panic!("{other}: no such verb"),
    }
}
