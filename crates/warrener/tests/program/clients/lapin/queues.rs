//! Producers, workers and the queues between them.

use lapin::options::{BasicQosOptions, QueueDeclareOptions};
use lapin::protocol::BasicProperties;
use lapin::types::FieldTable;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::session::{
    ack, bind, bodies, body, connect, consume, declare, delete, look_for, next, open,
    private_queue, publish, publish_with, refusal, story, take,
};

#[test]
fn hello_world() {
    story(async |url| {
        let (producer, channel) = open(&url).await;
        assert_eq!(declare(&channel, "rs.hello", false).await, (0, 0));
        publish(&channel, "", "rs.hello", b"Hello, warren!").await;
        producer.close(200, "".into()).await.expect("connection.close-ok");

        let (_consumer, channel) = open(&url).await;
        let [message] = &take(&channel, "rs.hello", 1).await[..] else { panic!("one message") };
        assert_eq!(body(message), "Hello, warren!");
        assert_eq!((message.exchange.as_str(), message.routing_key.as_str()), ("", "rs.hello"));
        assert_eq!((message.delivery_tag, message.redelivered), (1, false));
        assert_eq!(delete(&channel, "rs.hello").await, 0);
    });
}

#[test]
fn work_queue() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "rs.tasks", true).await;
        for number in 1..=6 {
            let task = format!("task {number}");
            let persistent = BasicProperties::default().with_delivery_mode(2);
            publish_with(&channel, "", "rs.tasks", task.as_bytes(), persistent).await;
        }

        // The first worker takes a task and holds it; its line to the broker can be cut.
        let (line, url_of_line) = cuttable_line(&url).await;
        let (_victim, holding) = open(&url_of_line).await;
        one_at_a_time(&holding).await;
        let mut held = consume(&holding, "rs.tasks").await;
        assert_eq!(body(&next(&mut held).await), "task 1");

        // It may hold one, so all the others come here, in order.
        one_at_a_time(&channel).await;
        let mut worker = consume(&channel, "rs.tasks").await;
        for number in 2..=6 {
            let delivery = next(&mut worker).await;
            assert_eq!((body(&delivery), delivery.redelivered), (format!("task {number}"), false));
            ack(&delivery).await;
        }
        line.abort();
        let delivery = next(&mut worker).await;
        assert_eq!((body(&delivery), delivery.redelivered), ("task 1".to_owned(), true));
        ack(&delivery).await;
        assert_eq!(delete(&channel, "rs.tasks").await, 0);
    });
}

#[test]
fn server_named_and_exclusive_queues() {
    story(async |url| {
        let (owner, channel) = open(&url).await;
        let mut names = Vec::new();
        for _ in 0..50 {
            names.push(private_queue(&channel).await);
        }
        assert!(names.iter().all(|name| name.starts_with("amq.gen-")), "{names:?}");
        let last = names[49].clone();
        let first = names[0].clone();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 50);

        // The empty name means the queue that this channel declared last.
        bind(&channel, "", "amq.direct", "rs.last").await;
        publish(&channel, "amq.direct", "rs.last", b"found").await;
        assert_eq!(bodies(&channel, &last, 1).await, ["found"]);

        let (stranger, outside) = open(&url).await;
        let (code, text) = refusal(look_for(&outside, &first).await);
        let locked = format!(
            "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{first}' in vhost '/'"
        );
        assert!(code == 405 && text.starts_with(&locked), "{code} {text}");

        owner.close(200, "".into()).await.expect("connection.close-ok");
        let outside = stranger.create_channel().await.expect("channel.open-ok");
        let gone = format!("NOT_FOUND - no queue '{first}' in vhost '/'");
        assert_eq!(refusal(look_for(&outside, &first).await), (404, gone));
    });
}

#[test]
fn several_channels_on_one_connection() {
    story(async |url| {
        let connection = connect(&url).await;
        let mut channels = Vec::new();
        let mut queues = Vec::new();
        for _ in 0..10 {
            let channel = connection.create_channel().await.expect("channel.open-ok");
            queues.push(private_queue(&channel).await);
            channels.push(channel);
        }
        for round in 0..3 {
            for (channel, (index, queue)) in channels.iter().zip(queues.iter().enumerate().rev()) {
                let text = format!("{index} {round}");
                publish(channel, "", queue, text.as_bytes()).await;
            }
        }
        for (index, queue) in queues.iter().enumerate() {
            let taken = take(&channels[index], queue, 3).await;
            let tags: Vec<u64> = taken.iter().map(|delivery| delivery.delivery_tag).collect();
            assert_eq!(tags, [1, 2, 3], "tags begin anew in each channel");
            let expected = [0, 1, 2].map(|round| format!("{index} {round}"));
            assert_eq!(taken.iter().map(body).collect::<Vec<_>>(), expected);
        }

        let gone = (404, "NOT_FOUND - no queue 'rs.no-such-queue' in vhost '/'".to_owned());
        assert_eq!(refusal(look_for(&channels[4], "rs.no-such-queue").await), gone);
        // The others work on, and a new one can be opened.
        publish(&channels[0], "", &queues[9], b"still here").await;
        assert_eq!(bodies(&channels[9], &queues[9], 1).await, ["still here"]);
        let another = connection.create_channel().await.expect("channel.open-ok");
        publish(&another, "", &queues[0], b"here again").await;
        assert_eq!(bodies(&another, &queues[0], 1).await, ["here again"]);
    });
}

#[test]
fn a_queue_cannot_be_declared_in_another_way() {
    story(async |url| {
        let (_connection, channel) = open(&url).await;
        declare(&channel, "rs.solid", true).await;
        let options = QueueDeclareOptions::default();
        let different = channel.queue_declare("rs.solid".into(), options, FieldTable::default());
        let text = "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'rs.solid' in vhost \
                    '/': received 'false' but current is 'true'";
        assert_eq!(refusal(different.await), (406, text.to_owned()));
        let (_connection, channel) = open(&url).await;
        assert_eq!(delete(&channel, "rs.solid").await, 0);
    });
}

async fn one_at_a_time(channel: &lapin::Channel) {
    channel.basic_qos(1, BasicQosOptions::default()).await.expect("basic.qos-ok");
}

/// A line through which the broker can be reached until its task is aborted; both ends then see
/// the socket close without a word, as when a process is killed.
async fn cuttable_line(url: &str) -> (JoinHandle<()>, String) {
    let broker = url.split(['@', '/']).find(|part| part.contains(':') && part.contains('.'));
    let broker = broker.expect("an address in the URL").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let here = listener.local_addr().expect("an address").to_string();
    let url_of_line = url.replace(&broker, &here);
    let line = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.expect("the worker");
        let mut server = TcpStream::connect(&broker).await.expect("the broker");
        let _ = copy_bidirectional(&mut client, &mut server).await;
    });
    (line, url_of_line)
}
