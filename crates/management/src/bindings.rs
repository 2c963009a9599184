//! `/api/bindings`, and the bindings of queues and exchanges.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use warrener_broker::{BindingDefinition, BindingView, Command, End, Kind, Object, Outcome};
use warrener_codec::Table;

use crate::call::{Call, short};
use crate::document::{table, text_of};
use crate::exchanges::named;
use crate::limits::SLICE;
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};
use crate::right::Deed;

impl Listed for BindingView {
    fn name(&self) -> String {
        text(&self.source)
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        let rest = [&self.source, &self.destination, &self.key].map(|own| own.as_bytes());
        (self.vhost.as_bytes().into(), rest.join(&0))
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let mut bindings = call.api.all(|view, from, most| view.binding_slice(from, most)).await;
    bindings.retain(|binding| call.shows(&binding.vhost));
    listing::answer(&call, bindings, document)
}

pub(crate) async fn to_queue(call: Call) -> Result<Reply, Failure> {
    let bindings = of_queue(&call, call.place("name")).await?;
    listing::answer(&call, bindings, document)
}

pub(crate) async fn from_exchange(call: Call) -> Result<Reply, Failure> {
    let bindings = of_exchange(&call, named(call.place("name")), End::Source).await?;
    listing::answer(&call, bindings, document)
}

pub(crate) async fn to_exchange(call: Call) -> Result<Reply, Failure> {
    let bindings = of_exchange(&call, named(call.place("name")), End::Destination).await?;
    listing::answer(&call, bindings, document)
}

pub(crate) async fn between(call: Call) -> Result<Reply, Failure> {
    let bindings = both(&call).await?;
    listing::answer(&call, bindings, document)
}

pub(crate) async fn one(call: Call) -> Result<Reply, Failure> {
    let found = find(&call).await?;
    listing::one(&call, document(&found))
}

pub(crate) async fn post(call: Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let key = text_of(&body, "routing_key").unwrap_or_default();
    let definition = definition(&call, key, crate::document::arguments(&body)?)?;
    allow(&call)?;
    let arguments = definition.arguments.to_table();
    let destination = text(&definition.destination);
    let place = properties_key(key.as_bytes(), &arguments);
    call.command(Command::Bind(definition)).await?;
    Ok(Reply::Created(Some(format!("{}/{}", encoded(&destination), encoded(&place)))))
}

pub(crate) async fn delete(call: Call) -> Result<Reply, Failure> {
    let found = find(&call).await?;
    allow(&call)?;
    let key = text(&found.key);
    let arguments = Object::from(found.arguments.as_table_ref());
    let definition = definition(&call, &key, arguments)?;
    match call.command(Command::Unbind(definition)).await? {
        Outcome::Absent => Err(Failure::Missing),
        _ => Ok(Reply::Done),
    }
}

/// Binding writes to where it leads, and reads from where it comes from.
fn allow(call: &Call) -> Result<(), Failure> {
    let vhost = call.place("vhost");
    call.caller.may(Deed::Write, vhost, call.place("destination"))?;
    call.caller.may(Deed::Read, vhost, named(call.place("source")))
}

fn kind(call: &Call) -> Result<Kind, Failure> {
    match call.place("kind") {
        "q" => Ok(Kind::Queue),
        "e" => Ok(Kind::Exchange),
        _ => Err(Failure::Missing),
    }
}

fn definition(call: &Call, key: &str, arguments: Object) -> Result<BindingDefinition, Failure> {
    Ok(BindingDefinition {
        vhost: call.short("vhost")?,
        source: short(named(call.place("source")))?,
        destination: call.short("destination")?,
        destination_type: kind(call)?,
        routing_key: short(key)?,
        arguments,
        others: Object::new(),
    })
}

async fn find(call: &Call) -> Result<BindingView, Failure> {
    let wanted = call.place("key");
    let all = both(call).await?;
    let mut all = all.into_iter();
    let found = all.find(|own| properties_key(own.key.as_bytes(), &own.arguments) == wanted);
    found.ok_or(Failure::Missing)
}

/// All bindings between the two that the path names.
async fn both(call: &Call) -> Result<Vec<BindingView>, Failure> {
    let (source, destination) = (named(call.place("source")), call.place("destination"));
    let mut all = match kind(call)? {
        Kind::Queue => of_queue(call, destination).await?,
        Kind::Exchange => of_exchange(call, destination, End::Destination).await?,
    };
    if call.look(|view| view.exchange_named(call.place("vhost"), source)).is_none() {
        return Err(Failure::Missing);
    }
    all.retain(|binding| binding.source.as_bytes() == source.as_bytes());
    Ok(all)
}

async fn of_queue(call: &Call, queue: &str) -> Result<Vec<BindingView>, Failure> {
    slices(|skip| call.look(|view| view.queue_bindings(call.place("vhost"), queue, skip, SLICE)))
        .await
}

async fn of_exchange(call: &Call, name: &str, end: End) -> Result<Vec<BindingView>, Failure> {
    slices(|skip| {
        call.look(|view| view.bindings_of_exchange(call.place("vhost"), name, end, skip, SLICE))
    })
    .await
}

async fn slices(
    slice: impl Fn(usize) -> Option<Vec<BindingView>>,
) -> Result<Vec<BindingView>, Failure> {
    let mut all = Vec::new();
    loop {
        let more = slice(all.len()).ok_or(Failure::Missing)?;
        let is_last = more.len() < SLICE;
        all.extend(more);
        if is_last {
            return Ok(all);
        }
        tokio::task::yield_now().await;
    }
}

fn document(binding: &BindingView) -> Value {
    json!({
        "source": text(&binding.source),
        "vhost": text(&binding.vhost),
        "destination": text(&binding.destination),
        "destination_type": match binding.destination_kind {
            Kind::Queue => "queue",
            Kind::Exchange => "exchange",
        },
        "routing_key": text(&binding.key),
        "arguments": table(&binding.arguments),
        "properties_key": properties_key(binding.key.as_bytes(), &binding.arguments),
    })
}

/// What a binding is called among those of the same two ends: its key, and a hash of its arguments if it has any. The
/// hash is of our own: nobody but us takes it apart.
fn properties_key(key: &[u8], arguments: &Table) -> String {
    let key = encoded(&String::from_utf8_lossy(key));
    if arguments.is_empty() {
        return if key.is_empty() { "~".to_owned() } else { key };
    }
    // FNV-1a: two sets of arguments of one key that collide are told apart by nobody, and found in the order of listing.
    let hash = arguments
        .as_bytes()
        .iter()
        .fold(0x811C_9DC5_u32, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193));
    format!("{key}~{}", URL_SAFE_NO_PAD.encode(hash.to_be_bytes()))
}

/// Percent-encoded, as RabbitMQ does it in such keys.
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(octet));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
