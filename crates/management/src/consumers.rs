//! `/api/consumers`.

use serde_json::{Value, json};
use warrener_broker::ConsumerView;

use crate::call::Call;
use crate::channels::peer;
use crate::connections::{Names, names};
use crate::listing::{self, Listed, text};
use crate::reply::{Failure, Reply};

impl Listed for ConsumerView {
    fn name(&self) -> String {
        text(&self.tag)
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        (self.vhost.as_bytes().into(), [self.queue.as_bytes(), self.tag.as_bytes()].join(&0))
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, Failure> {
    let mut consumers = call.api.all(|view, from, most| view.consumer_slice(from, most)).await;
    consumers.retain(|consumer| call.shows(&consumer.vhost));
    let (names, node) = (names(&call), call.api.host.process().node);
    listing::answer(&call, consumers, |consumer| document(consumer, &names, &node))
}

pub(crate) fn document(consumer: &ConsumerView, names: &Names, node: &str) -> Value {
    let connection = names.get(&consumer.connection).cloned().unwrap_or_default();
    let (host, port) = peer(&connection);
    json!({
        "queue": { "name": text(&consumer.queue), "vhost": text(&consumer.vhost) },
        "consumer_tag": text(&consumer.tag),
        "exclusive": consumer.exclusive,
        "ack_required": consumer.settles,
        "prefetch_count": consumer.prefetch,
        "active": consumer.active,
        "activity_status": consumer.activity,
        "arguments": {},
        "consumer_timeout": null,
        "channel_details": {
            "name": format!("{connection} ({})", consumer.channel),
            "node": node,
            "number": consumer.channel,
            "user": text(&consumer.user),
            "connection_name": connection,
            "peer_host": host,
            "peer_port": port,
        },
    })
}
