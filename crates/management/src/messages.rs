//! Getting and publishing messages, as a client of the broker that has no wire.

use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use warrener_broker::{
    Capabilities, ClosedBy, Command, Connected, ConnectionId, Effect, GetOk, Input, Object,
    QueueDefinition, Refusal, Said,
};
use warrener_codec::method::{basic, confirm};
use warrener_codec::{ChannelId, Content, Method, Properties, ShortRef, ShortStr};

use crate::call::{Call, short};
use crate::document::{required, text_of};
use crate::exchanges::named;
use crate::limits::{MESSAGES, MESSAGES_BYTES};
use crate::properties;
use crate::reply::{Failure, Reply};

const ONE: ChannelId = ChannelId::new(1);

/// How long an answer may take: a content may be on disk, and so may have to be what is confirmed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client without a wire, with one channel. It is gone when this is dropped.
struct Session<'a> {
    call: &'a Call,
    id: ConnectionId,
    effects: UnboundedReceiver<Effect>,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.call.api.host.close_session(self.id);
    }
}

impl<'a> Session<'a> {
    /// Opens a session in the virtual host of the path, on behalf of the caller.
    async fn open(call: &'a Call) -> Result<Self, Failure> {
        if call.caller.is_operator {
            return Err(Failure::bad("messages are got and published by a user: log in as one"));
        }
        let (id, effects) = call.api.host.open_session();
        let mut session = Self { call, id, effects };
        let connected = Connected {
            connection: id,
            user: call.caller.user.name.clone(),
            vhost: call.short("vhost")?,
            name: ShortStr::from_static("management"),
            frame_max: 0,
            capabilities: Capabilities::default(),
            said: Said { ends: ShortStr::from_static("management"), ..Said::default() },
        };
        session.tell(Input::Connected(Box::new(connected)));
        session.hear(|effect| matches!(effect, Effect::Opened(_))).await?;
        session.tell(Input::ChannelOpened(id, ONE));
        session.hear(|effect| is_method(effect, |it| matches!(it, Method::ChannelOpenOk))).await?;
        Ok(session)
    }

    fn tell(&self, input: Input) {
        self.call.api.host.tell(input);
    }

    fn say(&self, method: impl Into<Method>) {
        self.tell(Input::Method(self.id, ONE, method.into()));
    }

    /// The next effect of which this is true.
    async fn hear(&mut self, wanted: impl Fn(&Effect) -> bool) -> Result<Effect, Failure> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.effects.recv()).await;
            let Ok(Some(effect)) = next else {
                return Err(Failure::Unavailable("the broker did not answer".into()));
            };
            if let Some((_, bytes)) = effect.weight_bytes() {
                self.tell(Input::Drained(self.id, bytes));
            }
            match effect {
                Effect::CloseChannel(_, _, refusal) => {
                    self.tell(Input::ChannelClosed(self.id, ONE, ClosedBy::Broker));
                    return Err(failure(&refusal));
                }
                Effect::CloseConnection(_, refusal) => return Err(failure(&refusal)),
                effect if wanted(&effect) => return Ok(effect),
                _ => {}
            }
        }
    }
}

fn is_method(effect: &Effect, wanted: impl Fn(&Method) -> bool) -> bool {
    matches!(effect, Effect::Send(_, _, method) if wanted(method))
}

/// What a client would be told, as RabbitMQ's management tells it.
fn failure(refusal: &Refusal) -> Failure {
    match refusal.code.number() {
        // 530 is for a virtual host that the user may not enter.
        403 | 530 => Failure::Refused,
        404 => Failure::Missing,
        _ => Failure::bad(refusal.text.to_string()),
    }
}

/// `POST /api/exchanges/{vhost}/{name}/publish`
pub(crate) async fn publish(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let [key, payload, encoding] = required(&body, ["routing_key", "payload", "payload_encoding"])?;
    let given = body.get("properties").ok_or_else(|| Failure::bad("[{key_missing,properties}]"))?;
    let payload = match encoding.as_str() {
        "string" => payload.into_bytes(),
        "base64" => {
            STANDARD.decode(payload).map_err(|_| Failure::bad("payload is not in base 64"))?
        }
        other => return Err(Failure::bad(format!("unsupported_payload_encoding: {other}"))),
    };
    let content = Content::new(properties::read(given)?, bytes::Bytes::from(payload));
    let exchange = named(call.place("name")).to_owned();
    if call.look(|view| view.exchange_named(call.place("vhost"), &exchange)).is_none() {
        return Err(Failure::MissingThing("exchange_not_found".into()));
    }
    let mut session = Session::open(&call).await?;
    let routed = publish_on(&mut session, &exchange, &key, content).await?;
    Ok(Reply::Json(json!({ "routed": routed })))
}

/// Publishes, and waits until the message is confirmed; whether anybody got it.
async fn publish_on(
    session: &mut Session<'_>,
    exchange: &str,
    key: &str,
    content: Content,
) -> Result<bool, Failure> {
    session.say(confirm::Select { no_wait: false });
    session.hear(|effect| is_method(effect, |it| matches!(it, Method::ConfirmSelectOk))).await?;
    let too_long = || Failure::bad("name is longer than 255 octets");
    let publish = basic::PublishRef {
        ticket: 0,
        exchange: ShortRef::new(exchange.as_bytes()).ok_or_else(too_long)?,
        routing_key: ShortRef::new(key.as_bytes()).ok_or_else(too_long)?,
        mandatory: true,
        immediate: false,
    };
    session.tell(Input::Publish(session.id, ONE, basic::Publish::from(publish), content));
    let is_end = |effect: &Effect| matches!(effect, Effect::Return(_) | Effect::Confirm(_));
    match session.hear(is_end).await? {
        Effect::Return(_) => Ok(false),
        Effect::Confirm(confirm) if !confirm.accepted => {
            Err(Failure::bad("the message was refused: a queue is full"))
        }
        _ => Ok(true),
    }
}

/// How what was got is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AckMode {
    /// It stays, marked as delivered.
    AckRequeue,
    /// It is gone.
    Ack,
    /// It goes back as rejected.
    RejectRequeue,
    /// It is rejected for good.
    Reject,
}

impl AckMode {
    fn parse(text: &str) -> Result<Self, Failure> {
        Ok(match text {
            "ack_requeue_true" => Self::AckRequeue,
            "ack_requeue_false" => Self::Ack,
            "reject_requeue_true" => Self::RejectRequeue,
            "reject_requeue_false" => Self::Reject,
            other => return Err(Failure::bad(format!("unknown ackmode: {other}"))),
        })
    }
}

/// `POST /api/queues/{vhost}/{name}/get`
pub(crate) async fn get(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let number = |name: &str| match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => {
            text.parse().map(Some).map_err(|_| Failure::bad(format!("{name} is no number")))
        }
        Some(given) => {
            given.as_u64().map(Some).ok_or_else(|| Failure::bad(format!("{name} is no number")))
        }
    };
    let missing: Vec<String> = ["ackmode", "count", "encoding"]
        .iter()
        .filter(|name| !body.contains_key(**name))
        .map(|name| format!("{{key_missing,{name}}}"))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::bad(format!("[{}]", missing.join(","))));
    }
    crate::queues::expect(&call)?;
    let mode = AckMode::parse(text_of(&body, "ackmode").unwrap_or_default())?;
    let count = number("count")?.unwrap_or(1).min(MESSAGES);
    let truncate = number("truncate")?.map(|bytes: u64| bytes as usize);
    let as_text = match text_of(&body, "encoding") {
        Some("auto") => true,
        Some("base64") => false,
        _ => return Err(Failure::bad("encoding is neither auto nor base64")),
    };
    let mut session = Session::open(&call).await?;
    let messages = get_on(&mut session, call.place("name"), mode, count).await?;
    let documents: Vec<Value> =
        messages.iter().map(|got| document(got, as_text, truncate)).collect();
    Ok(Reply::Json(documents.into()))
}

async fn get_on(
    session: &mut Session<'_>,
    queue: &str,
    mode: AckMode,
    count: u64,
) -> Result<Vec<GetOk>, Failure> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    while (all.len() as u64) < count && bytes < MESSAGES_BYTES {
        let no_ack = mode == AckMode::Ack;
        session.say(basic::Get { ticket: 0, queue: short(queue)?, no_ack });
        let is_answer = |effect: &Effect| {
            matches!(effect, Effect::GetOk(_))
                || is_method(effect, |it| matches!(it, Method::BasicGetEmpty))
        };
        let Effect::GetOk(got) = session.hear(is_answer).await? else { break };
        bytes += got.content.body.len();
        all.push(got);
    }
    if let Some(last) = all.last().filter(|_| mode != AckMode::Ack) {
        let delivery_tag = last.delivery_tag;
        let requeue = mode != AckMode::Reject;
        session.say(basic::Nack { delivery_tag, multiple: true, requeue });
    }
    Ok(all)
}

fn document(got: &GetOk, as_text: bool, truncate: Option<usize>) -> Value {
    let body = got.content.body.to_bytes();
    let shown = truncate.map_or(&body[..], |most| &body[..most.min(body.len())]);
    let text = core::str::from_utf8(shown).ok().filter(|_| as_text);
    let (payload, encoding) = match text {
        Some(text) => (text.to_owned(), "string"),
        None => (STANDARD.encode(shown), "base64"),
    };
    let lossy = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    json!({
        "payload_bytes": body.len(),
        "redelivered": got.redelivered,
        "exchange": lossy(got.address.exchange().as_bytes()),
        "routing_key": lossy(got.address.routing_key().as_bytes()),
        "message_count": got.message_count,
        "properties": properties::document(&got.content.properties),
        "payload": payload,
        "payload_encoding": encoding,
    })
}

/// Sends a message through the queue `aliveness-test` of the path's virtual host.
pub(crate) async fn round_trip(call: &Call) -> Result<(), Failure> {
    const QUEUE: &str = "aliveness-test";
    let vhost = call.short("vhost")?;
    let queue = QueueDefinition {
        vhost: vhost.clone(),
        name: ShortStr::from_static(QUEUE),
        durable: false,
        auto_delete: false,
        arguments: Object::new(),
        others: Object::new(),
    };
    call.command(Command::DeclareQueue(queue)).await?;
    if call.caller.is_operator {
        return Ok(());
    }
    let mut session = Session::open(call).await?;
    let content = Content::new(Properties::EMPTY, bytes::Bytes::from_static(b"test_message"));
    publish_on(&mut session, "", QUEUE, content).await?;
    let got = get_on(&mut session, QUEUE, AckMode::Ack, 1).await?;
    if got.is_empty() {
        return Err(Failure::Unavailable("the message did not come back".into()));
    }
    Ok(())
}
