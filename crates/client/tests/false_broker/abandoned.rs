//! What a future leaves behind that is dropped half-way, and a handle that is dropped right after it was used.

use core::future::Future;
use core::pin::pin;
use core::task::Poll;

use crate::world::{cancel_ok, channel, connected, consume, consume_ok, declare};
use warrener_client::codec::method::basic;
use warrener_client::codec::{Method, MethodId};
use warrener_client::{Error, Properties};

/// Polls a future until it waits for the broker, and lets it go then.
async fn give_up<F: Future>(future: F) {
    let mut future = pin!(future);
    for _ in 0..10 {
        let polled = core::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context)));
        assert!(polled.await.is_pending(), "it should wait");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_consumer_that_nobody_waits_for_is_cancelled_and_its_deliveries_given_back() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    give_up(channel.consume(consume("c"))).await;
    broker.expect(MethodId::BasicConsume).await;
    broker.say(1, consume_ok("c")).await;
    broker.deliver(1, "c", 1).await;
    broker.expect(MethodId::BasicCancel).await;
    broker.say(1, cancel_ok("c")).await;
    let Method::BasicReject(reject) = broker.expect(MethodId::BasicReject).await else { panic!() };
    assert_eq!(reject, basic::Reject { delivery_tag: 1, requeue: true });
}

#[tokio::test]
async fn a_consumer_whose_answer_came_just_before_it_was_let_go_is_cancelled_as_well() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    let mut consuming = Box::pin(channel.consume(consume("c")));
    give_up(&mut consuming).await;
    broker.expect(MethodId::BasicConsume).await;
    broker.say(1, consume_ok("c")).await;
    // Another answer behind it, so that it has arrived when this has.
    let (declared, ()) = tokio::join!(channel.call(declare("q")), async {
        broker.expect(MethodId::QueueDeclare).await;
        broker.say(1, queue_ok()).await;
    });
    declared.unwrap();
    drop(consuming);
    broker.expect(MethodId::BasicCancel).await;
}

fn queue_ok() -> warrener_client::codec::method::queue::DeclareOk {
    warrener_client::codec::method::queue::DeclareOk {
        queue: "q".try_into().unwrap(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_message_that_nobody_waits_for_is_given_back() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    // Once before the answer, once when it has come.
    give_up(channel.get("q", false)).await;
    broker.expect(MethodId::BasicGet).await;
    broker.answer_get(1, 1).await;
    let Method::BasicReject(reject) = broker.expect(MethodId::BasicReject).await else { panic!() };
    assert_eq!(reject, basic::Reject { delivery_tag: 1, requeue: true });

    let got = channel.get_ahead("q", false).await.unwrap();
    broker.expect(MethodId::BasicGet).await;
    broker.answer_get(1, 2).await;
    let (declared, ()) = tokio::join!(channel.call(declare("q")), async {
        broker.expect(MethodId::QueueDeclare).await;
        broker.say(1, queue_ok()).await;
    });
    declared.unwrap();
    drop(got);
    let Method::BasicReject(reject) = broker.expect(MethodId::BasicReject).await else { panic!() };
    assert_eq!(reject, basic::Reject { delivery_tag: 2, requeue: true });

    // Nothing is given back that was not to be acknowledged.
    give_up(channel.get("q", true)).await;
    broker.expect(MethodId::BasicGet).await;
    broker.answer_get(1, 3).await;
    give_up(channel.call(declare("q"))).await;
    broker.expect(MethodId::QueueDeclare).await;
}

#[tokio::test]
async fn a_channel_that_nobody_waits_for_is_closed_and_its_number_used_again() {
    let (connection, mut broker) = connected().await;
    let mut opening = Box::pin(connection.channel());
    give_up(&mut opening).await;
    broker.open_channel().await;
    // Its answer has come when that of the next has.
    let next = channel(&connection, &mut broker).await;
    assert_eq!(next.number(), 2);
    drop(opening);
    broker.expect(MethodId::ChannelClose).await;
    broker.say(1, Method::ChannelCloseOk).await;
    let (again, ()) = tokio::join!(connection.channel(), broker.open_channel());
    assert_eq!(again.unwrap().number(), 1);
}

#[tokio::test]
async fn what_was_published_and_acknowledged_just_before_the_channel_was_dropped_is_sent() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    for _ in 0..3 {
        channel.publish("", "q", Properties::default(), "hello").await.unwrap();
    }
    channel.ack(1, true).await.unwrap();
    drop(channel);
    for _ in 0..3 {
        broker.expect(MethodId::BasicPublish).await;
    }
    broker.expect(MethodId::BasicAck).await;
    broker.expect(MethodId::ChannelClose).await;
}

#[tokio::test]
async fn an_old_consumer_that_is_dropped_leaves_the_next_of_its_name_alone() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    let (mut consumer, ()) = tokio::join!(channel.consume(consume("c")), async {
        broker.expect(MethodId::BasicConsume).await;
        broker.say(1, consume_ok("c")).await;
    });
    let consumer = consumer.as_mut().unwrap();
    let (cancelled, ()) = tokio::join!(consumer.cancel(), async {
        broker.expect(MethodId::BasicCancel).await;
        broker.say(1, cancel_ok("c")).await;
    });
    cancelled.unwrap();
    let (next, ()) = tokio::join!(channel.consume(consume("c")), async {
        broker.expect(MethodId::BasicConsume).await;
        broker.say(1, consume_ok("c")).await;
    });
    // The old one goes now.
    *consumer = next.unwrap();
    give_up(channel.call(declare("q"))).await;
    broker.expect(MethodId::QueueDeclare).await;
    broker.deliver(1, "c", 1).await;
    assert_eq!(consumer.next().await.unwrap().delivery_tag, 1);
}

#[tokio::test]
async fn a_closed_channel_says_so_to_whoever_publishes() {
    let (connection, mut broker) = connected().await;
    let channel = channel(&connection, &mut broker).await;
    let close = warrener_client::codec::method::channel::Close {
        reply_code: warrener_client::codec::ReplyCode::NOT_FOUND,
        reply_text: "NOT_FOUND - no exchange".try_into().unwrap(),
        ..Default::default()
    };
    broker.say(1, close).await;
    broker.expect(MethodId::ChannelCloseOk).await;
    let refused = channel.publish("nowhere", "", Properties::default(), "lost").await.unwrap_err();
    let Error::ChannelClosed(close) = refused else { panic!("{refused}") };
    assert_eq!(close.code.number(), 404);
}
