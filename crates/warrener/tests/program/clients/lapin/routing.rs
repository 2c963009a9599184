//! Exchanges: which message reaches which queue.

use lapin::ExchangeKind;
use lapin::protocol::BasicProperties;
use lapin::types::AMQPValue;

use super::session::{
    bind, bind_with, bodies, connect, declare, declare_exchange, delete, delete_exchange, get,
    open, private_queue, publish, publish_with, refusal, story, table, take,
};

#[test]
fn publish_subscribe() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare_exchange(&channel, "rs.news", ExchangeKind::Fanout).await;
        let mut subscribers = Vec::new();
        for _ in 0..3 {
            subscribers.push(private_queue(&channel).await);
        }
        publish(&channel, "rs.news", "", b"before anyone listens").await;
        for queue in &subscribers {
            bind(&channel, queue, "rs.news", "").await;
        }
        // A fanout does not look at the routing key.
        for news in ["first", "second", "third"] {
            publish(&channel, "rs.news", news, news.as_bytes()).await;
        }
        for queue in &subscribers {
            assert_eq!(bodies(&channel, queue, 3).await, ["first", "second", "third"]);
        }

        let (queue, exchange) = (subscribers[0].as_str().into(), "rs.news".into());
        let left = channel.queue_unbind(queue, exchange, "".into(), table([])).await;
        left.expect("queue.unbind-ok");
        publish(&channel, "rs.news", "", b"fourth").await;
        assert_eq!(bodies(&channel, &subscribers[1], 1).await, ["fourth"]);
        assert_eq!(bodies(&channel, &subscribers[2], 1).await, ["fourth"]);
        assert!(get(&channel, &subscribers[0]).await.is_none());
        delete_exchange(&channel, "rs.news").await;
    });
}

#[test]
fn routing() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare_exchange(&channel, "rs.alarms", ExchangeKind::Direct).await;
        let pager = private_queue(&channel).await;
        let archive = private_queue(&channel).await;
        bind(&channel, &pager, "rs.alarms", "fire").await;
        // The same binding twice is one binding: no message comes twice.
        for kind in ["fire", "flood", "mouse", "fire"] {
            bind(&channel, &archive, "rs.alarms", kind).await;
        }
        for kind in ["mouse", "fire", "Fire", "", "flood", "fire"] {
            publish(&channel, "rs.alarms", kind, kind.as_bytes()).await;
        }
        assert_eq!(bodies(&channel, &pager, 2).await, ["fire", "fire"]);
        let archived = take(&channel, &archive, 4).await;
        let keys: Vec<&str> = archived.iter().map(|message| message.routing_key.as_str()).collect();
        assert_eq!(keys, ["mouse", "fire", "flood", "fire"]);
        assert!(archived.iter().all(|message| message.exchange.as_str() == "rs.alarms"));
        delete_exchange(&channel, "rs.alarms").await;
    });
}

#[test]
fn topics() {
    const KEYS: [&str; 7] =
        ["eu.fr.wheat", "wheat", "eu", "us.wheat", "eu.es.rice.white", "", "EU"];
    // What each listener is bound with, and which keys it must hear, in order.
    let listeners: [(&[&str], &[&str]); 7] = [
        (&["eu.*.wheat"], &["eu.fr.wheat"]),
        (&["#.wheat"], &["eu.fr.wheat", "wheat", "us.wheat"]),
        (&["eu.#"], &["eu.fr.wheat", "eu", "eu.es.rice.white"]),
        (&["*.*", "us.#"], &["us.wheat"]),
        (&["#"], &KEYS),
        (&["eu.#.white", "eu"], &["eu", "eu.es.rice.white"]),
        (&["*"], &["wheat", "eu", "EU"]),
    ];
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare_exchange(&channel, "rs.harvest", ExchangeKind::Topic).await;
        let mut queues = Vec::new();
        for (patterns, _) in listeners {
            let queue = private_queue(&channel).await;
            for pattern in patterns {
                bind(&channel, &queue, "rs.harvest", pattern).await;
            }
            queues.push(queue);
        }
        for key in KEYS {
            publish(&channel, "rs.harvest", key, key.as_bytes()).await;
        }
        for (queue, (patterns, expected)) in queues.iter().zip(listeners) {
            let heard = bodies(&channel, queue, expected.len()).await;
            assert_eq!(heard, expected, "{patterns:?}");
        }
        delete_exchange(&channel, "rs.harvest").await;
    });
}

#[test]
fn headers_exchange() {
    let fragile = |yes| ("fragile", AMQPValue::Boolean(yes));
    let weight = |kilograms| ("weight", AMQPValue::LongInt(kilograms));
    let matching = |how: &str| ("x-match", AMQPValue::LongString(how.into()));
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare_exchange(&channel, "rs.parcels", ExchangeKind::Headers).await;
        let mut queues = Vec::new();
        for arguments in [
            table([matching("all"), fragile(true), weight(3)]),
            table([matching("any"), fragile(true), weight(3)]),
            table([fragile(true), weight(3)]),
        ] {
            let queue = private_queue(&channel).await;
            bind_with(&channel, &queue, "rs.parcels", "", arguments).await;
            queues.push(queue);
        }
        let grey = ("colour", AMQPValue::LongString("grey".into()));
        for (name, headers) in [
            ("vase", table([fragile(true), weight(3)])),
            ("painting", table([fragile(true), weight(30)])),
            ("dumb-bell", table([fragile(false), weight(3), grey])),
            ("feather", table([fragile(false)])),
            ("letter", table([])),
        ] {
            let properties = BasicProperties::default().with_headers(headers);
            publish_with(&channel, "rs.parcels", "ignored", name.as_bytes(), properties).await;
        }
        assert_eq!(bodies(&channel, &queues[0], 1).await, ["vase"]);
        assert_eq!(bodies(&channel, &queues[1], 3).await, ["vase", "painting", "dumb-bell"]);
        assert_eq!(bodies(&channel, &queues[2], 1).await, ["vase"]);
        delete_exchange(&channel, "rs.parcels").await;
    });
}

#[test]
fn default_exchange() {
    story(async |url| {
        let connection = connect(&url).await;
        let channel = connection.create_channel().await.expect("channel.open-ok");
        declare(&channel, "rs.letters", false).await;
        declare(&channel, "rs.bills", false).await;
        publish(&channel, "", "rs.letters", b"dear all").await;
        publish(&channel, "", "rs.bills", b"12.50").await;
        publish(&channel, "", "rs.nobody", b"dropped without a word").await;
        assert_eq!(bodies(&channel, "rs.letters", 1).await, ["dear all"]);
        assert_eq!(bodies(&channel, "rs.bills", 1).await, ["12.50"]);

        let text = "ACCESS_REFUSED - operation not permitted on the default exchange";
        let refused = connection.create_channel().await.expect("channel.open-ok");
        let (queue, options) = ("rs.letters".into(), Default::default());
        let bound = refused.queue_bind(queue, "".into(), "rs.bills".into(), options, table([]));
        assert_eq!(refusal(bound.await), (403, text.to_owned()));
        let refused = connection.create_channel().await.expect("channel.open-ok");
        let deleted = refused.exchange_delete("".into(), Default::default());
        assert_eq!(refusal(deleted.await), (403, text.to_owned()));

        assert_eq!(delete(&channel, "rs.letters").await, 0);
        assert_eq!(delete(&channel, "rs.bills").await, 0);
    });
}
