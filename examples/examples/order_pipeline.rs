//! An order pipeline: orders that fail are tried again after a pause, and those that never succeed end in a queue for people.
//!
//! `orders` dead-letters what is rejected to `orders.pause`, where it waits for its TTL, after which it is dead-lettered back.
//! The broker counts in `x-death`. Here the broker is in the process and its clock is ours, so the pauses take no time; with a
//! URI as argument it is any other broker, and they do.
//!
//! `cargo run -p warrener-examples --example order_pipeline -- [amqp://guest:guest@localhost]`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use core::error::Error;
use core::time::Duration;

use warrener_client::codec::TableBuilder;
use warrener_client::codec::method::{basic, exchange, queue};
use warrener_client::{Channel, Connection, Delivery, Options, Properties};
use warrener_embedded::Broker;

const PAUSE: Duration = Duration::from_secs(5);
const TRIES: i64 = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (shipped, given_up) = match std::env::args().nth(1) {
        Some(uri) => {
            let connection = Connection::open(&uri).await?;
            run(&connection, async || tokio::time::sleep(PAUSE).await).await?
        }
        None => in_this_process().await?,
    };
    println!("shipped {shipped:?}, given up {given_up:?}");
    Ok(())
}

/// With a broker of its own, whose clock moves when somebody has to wait.
pub(crate) async fn in_this_process() -> Result<(Vec<String>, Vec<String>), Box<dyn Error>> {
    let broker = Broker::builder().standing_clock().start().await?;
    let connection = Connection::over(broker.connect(), Options::default()).await?;
    let pause = async || {
        // Whoever else has something to do does it first.
        tokio::task::yield_now().await;
        broker.advance(PAUSE);
    };
    run(&connection, pause).await
}

async fn run(
    connection: &Connection,
    pause: impl AsyncFn(),
) -> Result<(Vec<String>, Vec<String>), Box<dyn Error>> {
    let channel = connection.channel().await?;
    declare(&channel).await?;
    channel.confirm_select().await?;
    for order in ["tea", "coffee", "unobtainium"] {
        let persistent = Properties::builder().delivery_mode(2).build()?;
        channel.publish_confirmed("", "orders", true, persistent, order).await?.await?;
    }

    channel.prefetch(1).await?;
    let consume = basic::Consume { queue: "orders".try_into()?, ..Default::default() };
    let mut orders = channel.consume(consume).await?;
    let (mut shipped, mut given_up) = (Vec::new(), Vec::new());
    while shipped.len() + given_up.len() < 3 {
        let order = tokio::select! {
            biased;
            order = orders.next() => order.ok_or("the consumer was cancelled")?,
            () = pause() => continue,
        };
        let what = String::from_utf8(order.body.to_bytes().to_vec())?;
        let tries = tries(&order);
        println!("{what}: try {}", tries + 1);
        if what == "tea" || what == "coffee" && tries > 0 {
            order.ack().await?;
            shipped.push(what);
        } else if tries + 1 < TRIES {
            order.reject(false).await?;
        } else {
            // Before it is acknowledged here it is safe there.
            let (properties, body) = (order.properties.clone(), order.body.to_bytes());
            channel.publish_confirmed("", "orders.failed", true, properties, body).await?.await?;
            order.ack().await?;
            given_up.push(what);
        }
    }
    let failed = channel.get("orders.failed", true).await?.ok_or("the failed order is kept")?;
    assert_eq!(failed.body.to_bytes(), "unobtainium");
    Ok((shipped, given_up))
}

async fn declare(channel: &Channel) -> Result<(), Box<dyn Error>> {
    let retry = exchange::Declare {
        exchange: "retry".try_into()?,
        kind: "fanout".try_into()?,
        durable: true,
        ..Default::default()
    };
    channel.call(retry).await?;
    let pause_ms = i64::try_from(PAUSE.as_millis())?;
    let back = TableBuilder::new()
        .with("x-message-ttl", pause_ms)
        .with("x-dead-letter-exchange", "")
        .with("x-dead-letter-routing-key", "orders")
        .build()?;
    let to_pause = TableBuilder::new().with("x-dead-letter-exchange", "retry").build()?;
    for (name, arguments) in
        [("orders", to_pause), ("orders.pause", back), ("orders.failed", Default::default())]
    {
        let queue = name.try_into()?;
        channel
            .call(queue::Declare { queue, durable: true, arguments, ..Default::default() })
            .await?;
    }
    let queue = "orders.pause".try_into()?;
    channel
        .call(queue::Bind { queue, exchange: "retry".try_into()?, ..Default::default() })
        .await?;
    Ok(())
}

/// How often it was rejected before, by what the broker wrote into `x-death`.
fn tries(order: &Delivery) -> i64 {
    let Some(headers) = order.properties.headers() else { return 0 };
    let deaths = headers.get("x-death").and_then(|deaths| deaths.as_array());
    let rejected =
        deaths.into_iter().flatten().filter_map(|death| death.as_table()).find(|death| {
            let reason = death.get("reason").and_then(|reason| reason.as_str());
            reason == Some("rejected")
        });
    let count = rejected.and_then(|death| death.get("count"));
    count.and_then(|count| count.as_i64()).unwrap_or(0)
}
