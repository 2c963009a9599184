//! What a publisher is told: confirms, returns and answers.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::BasicProperties;
use lapin::{Channel, Confirmation, PublisherConfirm};

use super::session::{
    ack, bodies, body, consume, declare, delete, next, open, private_queue, publish_with, refusal,
    story,
};

#[test]
fn publisher_confirms() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "rs.ledger", true).await;
        confirm_select(&channel).await;

        // All are under way before the first is waited for.
        let mut under_way = Vec::new();
        for number in 0..200 {
            under_way.push(entry(&channel, "rs.ledger", number).await);
        }
        for (number, confirm) in under_way.into_iter().enumerate() {
            let confirmation = confirm.await.expect("an open channel");
            assert_eq!(confirmation, Confirmation::Ack(None), "entry {number}");
        }
        let expected: Vec<String> = (0..200).map(|number| format!("entry {number}")).collect();
        assert_eq!(bodies(&channel, "rs.ledger", 200).await, expected);
        assert_eq!(delete(&channel, "rs.ledger").await, 0);
    });
}

#[test]
fn an_unroutable_mandatory_message_returns() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        confirm_select(&channel).await;
        let confirm = entry(&channel, "rs.nobody", 7).await;
        let confirmation = confirm.await.expect("an open channel");
        assert!(confirmation.is_ack(), "{confirmation:?}");
        let returned = confirmation.take_message().expect("the message, returned");
        assert_eq!((returned.reply_code, returned.reply_text.as_str()), (312, "NO_ROUTE"));
        let address = (returned.exchange.as_str(), returned.routing_key.as_str());
        assert_eq!(address, ("", "rs.nobody"));
        assert_eq!(body(&returned.delivery), "entry 7");
        assert_eq!(returned.properties, persistent());
    });
}

#[test]
fn a_publish_to_a_missing_exchange_closes_the_channel() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        confirm_select(&channel).await;
        let (exchange, options) = ("rs.no-such".into(), BasicPublishOptions::default());
        let confirm = channel.basic_publish(exchange, "".into(), options, b"", persistent()).await;
        let refused = confirm.expect("an open channel").await;
        let text = "NOT_FOUND - no exchange 'rs.no-such' in vhost '/'";
        assert_eq!(refusal(refused), (404, text.to_owned()));
    });
}

#[test]
fn rpc() {
    story(async |url| {
        let (_client, channel) = open(&url).await;
        declare(&channel, "rs.squares", false).await;
        let (_server, answering) = open(&url).await;
        let server = tokio::spawn(serve(answering, 4));

        let replies = private_queue(&channel).await;
        let mut answers = consume(&channel, &replies).await;
        for number in [3, 5, 8, 13] {
            let request = BasicProperties::default()
                .with_reply_to(replies.as_str().into())
                .with_correlation_id(format!("call-{number}").into());
            let text = number.to_string();
            publish_with(&channel, "", "rs.squares", text.as_bytes(), request).await;
        }
        for (id, square) in
            [("call-5", "25"), ("call-3", "9"), ("call-13", "169"), ("call-8", "64")]
        {
            let answer = next(&mut answers).await;
            assert_eq!(answer.properties.correlation_id().as_ref().expect("an id").as_str(), id);
            assert_eq!(body(&answer), square);
        }
        server.await.expect("the server");
        assert_eq!(delete(&channel, "rs.squares").await, 0);
    });
}

/// Answers with the square of each number; of two requests the later is answered first.
async fn serve(channel: Channel, calls: usize) {
    let mut requests = consume(&channel, "rs.squares").await;
    for _ in 0..calls / 2 {
        let first = next(&mut requests).await;
        let second = next(&mut requests).await;
        for request in [second, first] {
            let number: u64 = body(&request).parse().expect("a number");
            let asked = &request.properties;
            let id = asked.correlation_id().clone().expect("a correlation id");
            let answer = BasicProperties::default().with_correlation_id(id);
            let reply_to = asked.reply_to().clone().expect("a queue for the answer");
            let text = (number * number).to_string();
            publish_with(&channel, "", reply_to.as_str(), text.as_bytes(), answer).await;
            ack(&request).await;
        }
    }
}

async fn confirm_select(channel: &Channel) {
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm.select-ok");
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// Publishes a persistent, mandatory message and does not wait for the confirm.
async fn entry(channel: &Channel, queue: &str, number: usize) -> PublisherConfirm {
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let text = format!("entry {number}");
    let (exchange, key) = ("".into(), queue.into());
    let sent = channel.basic_publish(exchange, key, options, text.as_bytes(), persistent()).await;
    sent.expect("an open channel")
}
