//! Definitions in a file that a broker takes when it starts.

use core::time::Duration;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::broker::{Broker, program};
use crate::process;

const LIMIT: Duration = Duration::from_secs(60);

fn listed(data: &TempDir, line: &[&str]) -> Vec<Value> {
    let mut ctl = program();
    ctl.arg("ctl").arg("--data-dir").arg(data.path()).args(["--formatter", "json"]).args(line);
    let outcome = process::run(&mut ctl, LIMIT).expect("an outcome");
    assert!(outcome.status.success(), "{}", outcome.stderr);
    serde_json::from_str(&outcome.text()).expect("JSON")
}

#[test]
fn a_file_of_definitions_is_taken_at_every_start_and_does_nothing_the_second_time() {
    let data = TempDir::new().expect("a folder");
    let file = data.path().join("definitions.json");
    let queue = |name: usize| json!({ "name": format!("q{name}"), "vhost": "shop", "durable": true, "auto_delete": false, "arguments": {} });
    let mut definitions = json!({
        "vhosts": [{ "name": "shop" }],
        "users": [{ "name": "ann", "password_hash": "", "tags": "management" }],
        "permissions": [{ "user": "ann", "vhost": "shop", "configure": "", "write": "", "read": ".*" }],
        "queues": (0..2_000).map(queue).collect::<Vec<_>>(),
        "policies": [{ "vhost": "nowhere", "name": "p", "pattern": "", "definition": { "max-length": 1 } }],
    });
    fs::write(&file, definitions.to_string()).expect("a file");
    let options = ["--definitions", file.to_str().expect("text")];
    let broker = Broker::start_on(data.path(), &options);
    assert!(broker.log().contains("policy 'p' in vhost 'nowhere'"), "{}", broker.log());
    assert_eq!(listed(&data, &["list_queues", "-p", "shop"]).len(), 2_000);
    assert_eq!(listed(&data, &["list_users"]).len(), 2);
    broker.terminate();

    definitions["queues"] = json!([queue(0), queue(2_000)]);
    fs::write(&file, definitions.to_string()).expect("a file");
    let broker = Broker::start_on(data.path(), &options);
    assert_eq!(listed(&data, &["list_queues", "-p", "shop"]).len(), 2_001, "nothing is taken away");
    assert_eq!(listed(&data, &["list_users"]).len(), 2);
    broker.terminate();

    fs::write(&file, "{").expect("a file");
    let mut refused = program();
    refused.arg("--data-dir").arg(data.path()).args(["--listen", "127.0.0.1:0"]);
    refused.args(["--management", "off", "--metrics", "off"]).args(options);
    let outcome = process::run(&mut refused, LIMIT).expect("an outcome");
    assert!(!outcome.status.success());
    assert!(outcome.stderr.contains("cannot take the definitions in"), "{}", outcome.stderr);
}
