//! What came from a broker, as lines of text.

use warrener_codec::method::connection::Start;
use warrener_codec::{ArrayRef, Body, Method, Properties, ShortRef, TableRef, Value};

use crate::names::Names;

/// Bodies longer than this are shown by their length.
const SHOWN_BODY: usize = 64;
/// How near to now a time must be to have come from the broker's clock.
const NOW_SECONDS: u64 = 86_400;

/// What showing needs to know: the names given to what brokers generate, and the time.
pub(crate) struct Show<'a> {
    pub(crate) names: &'a mut Names,
    pub(crate) now_s: u64,
}

impl Show<'_> {
    /// All that a server says about itself but its name and version.
    pub(crate) fn introduction(&mut self, start: &Start) -> String {
        let mut able: Vec<String> = Vec::new();
        if let Some(Value::Table(capabilities)) = start.server_properties.get("capabilities") {
            able.extend(self.table(capabilities));
        }
        format!(
            "connection.start {}-{} mechanisms={:?} locales={:?} {}",
            start.version_major,
            start.version_minor,
            String::from_utf8_lossy(start.mechanisms.as_bytes()),
            String::from_utf8_lossy(start.locales.as_bytes()),
            able.join(" "),
        )
    }

    /// A method without content.
    pub(crate) fn method(&mut self, method: &Method) -> String {
        match method {
            Method::ConnectionStart(start) => {
                format!("connection.start {}-{}", start.version_major, start.version_minor)
            }
            Method::ConnectionTune(tune) => format!(
                "connection.tune {} {} {}",
                tune.channel_max, tune.frame_max, tune.heartbeat
            ),
            Method::ConnectionClose(close) => format!(
                "connection.close {} {:?} ({}, {})",
                close.reply_code.number(),
                self.text(close.reply_text.as_bytes()),
                close.class_id,
                close.method_id,
            ),
            Method::ConnectionBlocked(blocked) => {
                format!("connection.blocked {:?}", self.text(blocked.reason.as_bytes()))
            }
            Method::ChannelClose(close) => format!(
                "channel.close {} {:?} ({}, {})",
                close.reply_code.number(),
                self.text(close.reply_text.as_bytes()),
                close.class_id,
                close.method_id,
            ),
            Method::ChannelFlow(flow) => format!("channel.flow {}", flow.active),
            Method::ChannelFlowOk(ok) => format!("channel.flow-ok {}", ok.active),
            Method::AccessRequestOk(ok) => format!("access.request-ok {}", ok.ticket),
            Method::QueueDeclareOk(ok) => format!(
                "queue.declare-ok {} {} messages {} consumers",
                self.name(ok.queue.as_short_ref()),
                ok.message_count,
                ok.consumer_count,
            ),
            Method::QueueDeleteOk(ok) => format!("queue.delete-ok {} messages", ok.message_count),
            Method::QueuePurgeOk(ok) => format!("queue.purge-ok {} messages", ok.message_count),
            Method::BasicConsumeOk(ok) => {
                format!("consume-ok {}", self.name(ok.consumer_tag.as_short_ref()))
            }
            Method::BasicCancelOk(ok) => {
                format!("cancel-ok {}", self.name(ok.consumer_tag.as_short_ref()))
            }
            Method::BasicCancel(cancel) => {
                let tag = self.name(cancel.consumer_tag.as_short_ref());
                format!("cancel {tag}{}", flag(cancel.no_wait, "no-wait"))
            }
            Method::BasicAck(ack) => {
                format!("ack {}{}", ack.delivery_tag, flag(ack.multiple, "multiple"))
            }
            Method::BasicNack(nack) => {
                format!("nack {}{}", nack.delivery_tag, flag(nack.multiple, "multiple"))
            }
            Method::BasicGetEmpty => "get-empty".into(),
            Method::BasicQosOk => "qos-ok".into(),
            Method::BasicRecoverOk => "recover-ok".into(),
            other => other.name().to_string(),
        }
    }

    /// A method and the content that followed it.
    pub(crate) fn content(
        &mut self,
        method: &Method,
        properties: &Properties,
        body: &Body,
    ) -> String {
        match method {
            Method::BasicDeliver(deliver) => format!(
                "deliver {} {} {} {} {}{}{}",
                self.name(deliver.consumer_tag()),
                deliver.delivery_tag(),
                self.name(deliver.exchange()),
                self.name(deliver.routing_key()),
                self.body(body),
                flag(deliver.redelivered(), "redelivered"),
                self.properties(properties),
            ),
            Method::BasicGetOk(got) => format!(
                "get-ok {} {} {} {} left={}{}{}",
                got.delivery_tag(),
                self.name(got.exchange()),
                self.name(got.routing_key()),
                self.body(body),
                got.message_count(),
                flag(got.redelivered(), "redelivered"),
                self.properties(properties),
            ),
            Method::BasicReturn(returned) => format!(
                "return {} {:?} {} {} {}{}",
                returned.reply_code().number(),
                self.text(returned.reply_text().as_bytes()),
                self.name(returned.exchange()),
                self.name(returned.routing_key()),
                self.body(body),
                self.properties(properties),
            ),
            other => panic!("{} came with content", other.name()),
        }
    }

    fn body(&self, body: &Body) -> String {
        let octets = body.to_bytes();
        if octets.len() > SHOWN_BODY {
            return format!("size:{}", octets.len());
        }
        quoted(&octets)
    }

    /// The properties that are there, each as a script would write it.
    fn properties(&mut self, properties: &Properties) -> String {
        let read = properties.read().expect("lawful properties");
        let mut words: Vec<String> = Vec::new();
        for (name, value) in [
            ("content-type", read.content_type),
            ("content-encoding", read.content_encoding),
            ("correlation-id", read.correlation_id),
            ("reply-to", read.reply_to),
            ("expiration", read.expiration),
            ("message-id", read.message_id),
            ("type", read.kind),
            ("user-id", read.user_id),
            ("app-id", read.app_id),
            ("cluster-id", read.cluster_id),
        ] {
            words.extend(value.map(|value| format!("{name}={}", self.name(value))));
        }
        words.extend(read.delivery_mode.map(|mode| format!("delivery-mode={mode}")));
        words.extend(read.priority.map(|priority| format!("priority={priority}")));
        words.extend(read.timestamp.map(|seconds| format!("timestamp={seconds}")));
        if let Some(headers) = read.headers {
            words.extend(self.table(headers).into_iter().map(|entry| format!("h:{entry}")));
            if headers.is_empty() {
                words.push("h:".into());
            }
        }
        words.iter().map(|word| format!(" {word}")).collect()
    }

    /// `name=value` of each entry, sorted: the order of a table says nothing.
    fn table(&mut self, table: TableRef<'_>) -> Vec<String> {
        let mut entries: Vec<String> = table
            .iter()
            .map(|(name, value)| format!("{}={}", self.name(name), self.value(value)))
            .collect();
        entries.sort();
        entries
    }

    fn array(&mut self, array: ArrayRef<'_>) -> Vec<String> {
        array.iter().map(|value| self.value(value)).collect()
    }

    fn value(&mut self, value: Value<'_>) -> String {
        match value {
            Value::Bool(truth) => truth.to_string(),
            Value::I8(n) => format!("b!{n}"),
            Value::U8(n) => format!("B!{n}"),
            Value::I16(n) => format!("s!{n}"),
            Value::U16(n) => format!("u!{n}"),
            Value::I32(n) => n.to_string(),
            Value::U32(n) => format!("i!{n}"),
            Value::I64(n) => format!("l!{n}"),
            Value::F32(n) => format!("f!{n}"),
            Value::F64(n) => format!("d!{n}"),
            Value::Decimal(decimal) => format!("D!{}:{}", decimal.scale, decimal.value),
            Value::LongStr(octets) => self.long_string(octets),
            Value::Timestamp(seconds) if seconds.abs_diff(self.now_s) < NOW_SECONDS => {
                "T!now".into()
            }
            Value::Timestamp(seconds) => format!("T!{seconds}"),
            Value::Array(array) => format!("[{}]", self.array(array).join(",")),
            Value::Table(table) => format!("{{{}}}", self.table(table).join(",")),
            Value::Void => "void".into(),
            Value::Bytes(octets) => {
                let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
                format!("x!{digits}")
            }
        }
    }

    /// A long string that would be read as something else says its type.
    fn long_string(&self, octets: &[u8]) -> String {
        let text = self.text(octets);
        let looks_otherwise =
            text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok() || text == "void";
        if looks_otherwise { format!("S!{text}") } else { text }
    }

    /// A name, `-` when it is empty.
    fn name(&mut self, name: ShortRef<'_>) -> String {
        let name = self.names.alias(&String::from_utf8_lossy(name.as_bytes()));
        if name.is_empty() { "-".into() } else { spaced(&name) }
    }

    /// Text in which generated names may stand.
    fn text(&self, octets: &[u8]) -> String {
        self.names.alias_within(&String::from_utf8_lossy(octets))
    }
}

fn flag(set: bool, name: &str) -> String {
    if set { format!(" {name}") } else { String::new() }
}

fn quoted(octets: &[u8]) -> String {
    if octets.is_empty() {
        return "-".into();
    }
    spaced(&octets.escape_ascii().to_string())
}

fn spaced(text: &str) -> String {
    if text.contains([' ', '\n', '\r']) { format!("{text:?}") } else { text.into() }
}
