//! Request and reply: a client asks, a service answers, by direct reply-to: no reply queue is declared.
//!
//! `cargo run -p warrener-examples --example request_reply -- [amqp://guest:guest@localhost]`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use core::error::Error;

use warrener_client::codec::method::{basic, queue};
use warrener_client::{Channel, Connection, Options, Properties};
use warrener_embedded::Broker;

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let replies = match std::env::args().nth(1) {
        Some(uri) => run(&Connection::open(&uri).await?).await?,
        None => in_this_process().await?,
    };
    println!("{replies:?}");
    Ok(())
}

pub(crate) async fn in_this_process() -> Result<Vec<String>, Box<dyn Error>> {
    let broker = Broker::start().await?;
    run(&Connection::over(broker.connect(), Options::default()).await?).await
}

async fn run(connection: &Connection) -> Result<Vec<String>, Box<dyn Error>> {
    let service = connection.channel().await?;
    let requests =
        queue::Declare { queue: "shout".try_into()?, auto_delete: true, ..Default::default() };
    service.call(requests).await?;
    let consume = basic::Consume { queue: "shout".try_into()?, ..Default::default() };
    let mut requests = service.consume(consume).await?;
    let answering = async {
        while let Some(request) = requests.next().await {
            answer(&service, request).await?;
        }
        Err("the service ended".into())
    };
    let asking = ask(connection.channel().await?, ["hello", "is anybody there"]);
    tokio::select! {
        ended = answering => ended,
        replies = asking => replies,
    }
}

async fn answer(
    service: &Channel,
    request: warrener_client::Delivery,
) -> Result<(), Box<dyn Error>> {
    let text = String::from_utf8(request.body.to_bytes().to_vec())?.to_uppercase();
    let reply_to = request.properties.reply_to().ok_or("somebody wants no answer")?.to_string();
    let correlation = request.properties.correlation_id().ok_or("which request?")?.to_string();
    let properties = Properties::builder().correlation_id(&correlation).build()?;
    service.publish("", &reply_to, properties, text).await?;
    Ok(request.ack().await?)
}

async fn ask<const N: usize>(
    client: Channel,
    questions: [&'static str; N],
) -> Result<Vec<String>, Box<dyn Error>> {
    let replies =
        basic::Consume { queue: REPLY_TO.try_into()?, no_ack: true, ..Default::default() };
    let mut replies = client.consume(replies).await?;
    for (number, question) in questions.into_iter().enumerate() {
        let correlation = number.to_string();
        let properties =
            Properties::builder().reply_to(REPLY_TO).correlation_id(&correlation).build()?;
        client.publish("", "shout", properties, question).await?;
    }
    let mut answers = vec![String::new(); N];
    for _ in 0..N {
        let reply = replies.next().await.ok_or("no more replies")?;
        // Which one it is, the service says; the order of replies is its own.
        let number: usize =
            reply.properties.correlation_id().ok_or("whose reply?")?.to_string().parse()?;
        *answers.get_mut(number).ok_or("a reply to nothing")? =
            String::from_utf8(reply.body.to_bytes().to_vec())?;
    }
    Ok(answers)
}
