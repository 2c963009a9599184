//! What the log looks like.

use crate::broker::Broker;
use crate::wire::Peer;

#[test]
fn lines_are_objects_where_that_is_wanted() {
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0", "--log-format=json"]);
    });
    let _peer = Peer::open(&broker);
    broker.expect_log("open for user");
    for line in broker.log().lines() {
        let is_object = line.starts_with("{\"timestamp\":\"") && line.ends_with('}');
        assert!(is_object && line.contains("\"level\":"), "{line}");
    }
}
