//! What a program sees of the broker in it: starting, streams, users, durability, the end.

use warrener_client::codec::method::queue;
use warrener_client::{Connection, Options, Properties, ShortStr, Uri};
use warrener_embedded::{Authentication, Broker, Checked, Secret};

async fn open(broker: &Broker) -> Connection {
    Connection::over(broker.connect(), Options::default()).await.expect("the broker lets it in")
}

fn declare(name: &'static str) -> queue::Declare {
    queue::Declare { queue: ShortStr::from_static(name), durable: true, ..Default::default() }
}

#[tokio::test]
async fn a_message_goes_through_without_any_socket() {
    let broker = Broker::start().await.unwrap();
    let connection = open(&broker).await;
    let channel = connection.channel().await.unwrap();
    channel.call(declare("q")).await.unwrap();
    channel.confirm_select().await.unwrap();
    channel
        .publish_confirmed("", "q", false, Properties::default(), "hello")
        .await
        .unwrap()
        .await
        .unwrap();
    let got = channel.get("q", true).await.unwrap().expect("a message");
    assert_eq!(got.message.body.to_bytes(), "hello");
    assert_eq!(broker.connection_count(), 1);
    connection.close().await.unwrap();
}

/// Lets in whoever knows the word of the day, as the user whose name comes in front of it.
#[derive(Debug)]
struct WordOfTheDay(&'static str);

impl Authentication for WordOfTheDay {
    fn check<'a>(&'a self, name: &'a str, password: &'a Secret) -> Checked<'a> {
        Box::pin(async move {
            // Whoever is asked may take its time.
            tokio::task::yield_now().await;
            let of_a_team = name.strip_prefix("team-").ok_or("not of a team")?;
            if password.expose() != self.0.as_bytes() {
                return Err("not the word of the day".into());
            }
            Ok(ShortStr::truncated(of_a_team))
        })
    }
}

#[tokio::test]
async fn a_program_lets_in_whom_it_likes() {
    let broker = Broker::builder().user("ann", "").authentication(WordOfTheDay("swallow"));
    let broker = broker.start().await.unwrap();
    let open = async |name: &str, password: &str| {
        let uri: Uri = format!("amqp://{name}:{password}@localhost").parse().unwrap();
        Connection::over(broker.connect(), uri.client_config()).await
    };
    open("team-ann", "swallow").await.unwrap().channel().await.unwrap();
    for (name, password) in [("team-ann", "sparrow"), ("ann", "swallow"), ("guest", "guest")] {
        assert!(open(name, password).await.is_err(), "{name} {password}");
    }
    // Somebody whom the broker does not know may do nothing in it.
    let refused = open("team-eve", "swallow").await.unwrap_err().to_string();
    assert!(refused.contains("refused for user 'eve'"), "{refused}");
}

#[tokio::test]
async fn a_body_larger_than_the_stream_holds_comes_back_whole() {
    let broker = Broker::start().await.unwrap();
    let channel = open(&broker).await.channel().await.unwrap();
    channel.call(declare("q")).await.unwrap();
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    channel.publish("", "q", Properties::default(), body.clone()).await.unwrap();
    let got = channel.get("q", true).await.unwrap().expect("a message");
    assert_eq!(got.message.body.to_bytes(), body);
}

#[tokio::test]
async fn brokers_live_side_by_side_and_know_nothing_of_each_other() {
    let (one, other) = (Broker::start().await.unwrap(), Broker::start().await.unwrap());
    let first = open(&one).await.channel().await.unwrap();
    first.call(declare("q")).await.unwrap();
    let second = open(&other).await.channel().await.unwrap();
    let passive = queue::Declare { passive: true, ..declare("q") };
    assert!(second.call(passive).await.unwrap_err().to_string().contains("NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_brokers_start_and_stop() {
    for _ in 0..100 {
        let broker = Broker::start().await.unwrap();
        broker.listen().await.unwrap();
        broker.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_hundred_brokers_work_at_the_same_time() {
    let mut brokers = Vec::new();
    for number in 0..100_u8 {
        let broker = Broker::start().await.unwrap();
        let connection = Connection::open(&broker.listen().await.unwrap()).await.unwrap();
        let channel = connection.channel().await.unwrap();
        channel.call(declare("q")).await.unwrap();
        channel.publish("", "q", Properties::default(), vec![number]).await.unwrap();
        brokers.push((broker, connection, channel));
    }
    for (number, (broker, connection, channel)) in (0_u8..).zip(brokers) {
        let got = channel.get("q", true).await.unwrap().expect("its own message");
        assert_eq!(got.body.to_bytes(), [number][..]);
        assert!(channel.get("q", true).await.unwrap().is_none());
        drop(broker);
        connection.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_while_clients_come_leaves_nobody_waiting() {
    for turns in 0..40 {
        let broker = Broker::start().await.unwrap();
        let uri = broker.listen().await.unwrap();
        let clients: Vec<_> = (0..20)
            .map(|number| {
                let (stream, uri) = (broker.connect(), uri.clone());
                tokio::spawn(async move {
                    let connection = match number % 2 {
                        0 => Connection::over(stream, Options::default()).await?,
                        _ => Connection::open(&uri).await?,
                    };
                    let channel = connection.channel().await?;
                    loop {
                        channel.call(declare("q")).await?;
                    }
                    #[expect(unreachable_code, reason = "it says what the task gives")]
                    Ok::<(), warrener_client::Error>(())
                })
            })
            .collect();
        for _ in 0..turns * 5 {
            tokio::task::yield_now().await;
        }
        drop(broker);
        for client in clients {
            let ended = tokio::time::timeout(core::time::Duration::from_secs(60), client).await;
            ended.expect("it does not wait for ever").unwrap().unwrap_err();
        }
    }
}

#[tokio::test]
async fn only_those_named_come_in_and_only_where_they_may() {
    let broker = Broker::builder().user("ann", "secret").vhost("shop").start().await.unwrap();
    let uri = broker.listen().await.unwrap();
    let at = |who: &str| uri.replace("guest:guest", who);
    for (who, may) in [("ann:secret", true), ("ann:wrong", false), ("nobody:guest", false)] {
        assert_eq!(Connection::open(&at(who)).await.is_ok(), may, "{who}");
        assert_eq!(Connection::open(&format!("{}/shop", at(who))).await.is_ok(), may, "{who}");
    }
    assert!(Connection::open(&format!("{uri}/nowhere")).await.is_err());
    let uri: Uri = uri.parse().unwrap();
    assert_eq!(uri.host, "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_confirmed_in_a_directory_is_there_after_the_plug_was_pulled() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..3_u8 {
        let broker = Broker::builder().directory(directory.path()).start().await.unwrap();
        let connection = open(&broker).await;
        let channel = connection.channel().await.unwrap();
        let known = channel.call(declare("q")).await.unwrap();
        assert_eq!(known.message_count, u32::from(round));
        channel.confirm_select().await.unwrap();
        let lasting = Properties::builder().delivery_mode(2).build().unwrap();
        channel
            .publish_confirmed("", "q", false, lasting, vec![round])
            .await
            .unwrap()
            .await
            .unwrap();
        if round == 1 {
            broker.stop().await.unwrap();
        } else {
            drop(broker);
        }
        connection.closed().await;
    }
}

#[tokio::test]
async fn a_directory_has_one_broker_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Broker::builder().directory(directory.path()).start().await.unwrap();
    let second = Broker::builder().directory(directory.path()).start().await;
    assert!(second.is_err());
    drop(broker);
}

#[tokio::test]
async fn lapin_is_at_home() {
    use futures_util::StreamExt;
    use lapin::options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions,
    };
    use lapin::types::FieldTable;

    let broker = Broker::start().await.unwrap();
    let uri = broker.listen().await.unwrap();
    let connection =
        lapin::Connection::connect(&uri, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = channel
        .queue_declare("orders".into(), QueueDeclareOptions::default(), FieldTable::default())
        .await
        .unwrap();
    let publish = BasicPublishOptions::default();
    let properties = lapin::BasicProperties::default();
    channel
        .basic_publish("".into(), queue.name().clone(), publish, b"one", properties)
        .await
        .unwrap();
    let mut consumer = channel
        .basic_consume(
            queue.name().clone(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let delivery = consumer.next().await.unwrap().unwrap();
    assert_eq!(delivery.data, b"one");
    delivery.ack(BasicAckOptions::default()).await.unwrap();
}
