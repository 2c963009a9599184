//! How the tests of somebody's order service look: a broker of their own, no container, no port, no waiting.
//!
//! `cargo run -p warrener-examples --example order_service_test` runs the service once; its tests are below it.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use core::error::Error;

use warrener_client::codec::method::{basic, queue};
use warrener_client::{Channel, Connection, Options, Properties};
use warrener_embedded::Broker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::start().await?;
    let channel = Connection::over(broker.connect(), Options::default()).await?.channel().await?;
    start(channel.clone()).await?;
    channel.publish("", "orders", Properties::default(), "3 teas").await?;
    while channel.get("invoices", true).await?.is_none() {}
    println!("invoiced");
    Ok(())
}

/// The service: for each order an invoice, and an order that is none is dead.
async fn start(channel: Channel) -> Result<(), Box<dyn Error>> {
    for name in ["orders", "invoices"] {
        channel.call(queue::Declare { queue: name.try_into()?, ..Default::default() }).await?;
    }
    channel.confirm_select().await?;
    let orders = basic::Consume { queue: "orders".try_into()?, ..Default::default() };
    let mut orders = channel.consume(orders).await?;
    tokio::spawn(async move {
        while let Some(order) = orders.next().await {
            let text = String::from_utf8_lossy(&order.body.to_bytes()).into_owned();
            let Some((count, what)) = text.split_once(' ') else {
                order.reject(false).await?;
                continue;
            };
            let invoice = format!("pay for {count} {what}");
            let sent =
                channel.publish_confirmed("", "invoices", true, Properties::default(), invoice);
            sent.await?.await?;
            order.ack().await?;
        }
        Ok::<(), warrener_client::Error>(())
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use lapin::options::{BasicGetOptions, BasicPublishOptions};
    use lapin::{BasicProperties, ConnectionProperties};

    use super::*;

    #[tokio::test]
    async fn an_order_becomes_an_invoice() {
        let broker = Broker::start().await.unwrap();
        let open = Connection::over(broker.connect(), Options::default());
        let channel = open.await.unwrap().channel().await.unwrap();
        start(channel.clone()).await.unwrap();

        channel.publish("", "orders", Properties::default(), "3 teas").await.unwrap();
        let invoices =
            basic::Consume { queue: "invoices".try_into().unwrap(), ..Default::default() };
        let mut invoices = channel.consume(invoices).await.unwrap();
        let invoice = invoices.next().await.unwrap();
        assert_eq!(invoice.body.to_bytes(), "pay for 3 teas");
    }

    /// The same from outside, with another client, and a fault: the connection breaks before the service can answer.
    #[tokio::test]
    async fn an_order_is_not_lost_when_the_service_loses_its_connection() {
        let broker = Broker::start().await.unwrap();
        let uri = broker.listen().await.unwrap();
        let first = Connection::open(&uri).await.unwrap();
        start(first.channel().await.unwrap()).await.unwrap();
        let open = lapin::Connection::connect(&uri, ConnectionProperties::default());
        let shop = open.await.unwrap().create_channel().await.unwrap();
        broker.nack_publishes(true);
        broker.cut_connections();
        first.closed().await;
        assert!(shop.basic_get("orders".into(), BasicGetOptions::default()).await.is_err());
        broker.nack_publishes(false);

        let again = lapin::Connection::connect(&uri, ConnectionProperties::default());
        let shop = again.await.unwrap().create_channel().await.unwrap();
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        shop.basic_publish("".into(), "orders".into(), options, b"1 tea", properties)
            .await
            .unwrap();
        let second = Connection::open(&uri).await.unwrap();
        start(second.channel().await.unwrap()).await.unwrap();
        let mut invoice = None;
        for _ in 0..1_000 {
            invoice =
                shop.basic_get("invoices".into(), BasicGetOptions { no_ack: true }).await.unwrap();
            if invoice.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(invoice.unwrap().delivery.data, b"pay for 1 tea");
    }
}
