//! Each kind of load, small, against a broker in this process.

use std::path::Path;
use std::sync::mpsc::channel;

use clap::Parser;
use warrener_perf::{Command, Contestant, Options, Outcome, Phase, Scenario, compare, floor, run};
use warrener_server::{Config, Listen, Server};

/// The URI of a broker that lives as long as this process.
fn broker() -> String {
    let (tell, told) = channel();
    std::thread::Builder::new()
        .spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let mut config = Config::in_memory();
                config.listen = Listen::On(vec![([127, 0, 0, 1], 0).into()]);
                let server = Server::start(config).await.expect("a server");
                tell.send(server.addresses()[0]).expect("the test waits");
                server.run(core::future::pending()).await.expect("it runs");
            });
        })
        .expect("a thread");
    format!("amqp://guest:guest@{}", told.recv().expect("an address"))
}

fn scenario(line: &str) -> Scenario {
    let line = ["warrener-perf", "run"].into_iter().chain(line.split_whitespace());
    match Options::try_parse_from(line).expect("a valid line").command {
        Command::Run(run) => run.scenario,
        other => panic!("{other:?}"),
    }
}

fn outcome(line: &str) -> Outcome {
    let pid = Some(std::process::id());
    run(&broker(), pid, &scenario(line), &mut |_| {}).expect("a run")
}

fn only(outcome: &Outcome) -> &Phase {
    assert_eq!(outcome.phases.len(), 1);
    &outcome.phases[0]
}

#[test]
fn all_that_is_published_is_consumed_and_timed() {
    let outcome = outcome("-C 1000 --auto-ack");
    let phase = only(&outcome);
    assert_eq!((phase.published, phase.consumed), (1_000, 1_000));
    let latency = phase.latency.expect("bodies carry the time");
    assert_eq!(latency.count, 1_000);
    assert!(0.0 < latency.min && latency.p50 <= latency.p99 && latency.p99 <= latency.max);
    assert!(phase.broker_resident_max.is_some_and(|resident| resident > 0));
    assert!(outcome.broker.contains(char::is_numeric), "product and version: {}", outcome.broker);
}

#[test]
fn confirms_are_counted_and_timed() {
    let outcome = outcome("-x 2 -y 0 -C 500 --confirm 10 --persistent --size 16");
    let phase = only(&outcome);
    assert_eq!((phase.confirmed, phase.nacked, phase.consumed), (1_000, 0, 0));
    assert_eq!(phase.confirm_latency.expect("timed").count, 1_000);
}

#[test]
fn acknowledgements_one_by_one_or_many_at_once_let_a_small_prefetch_go_on() {
    for acks in ["", "--multi-ack 7", "--multi-ack 100"] {
        let outcome = outcome(&format!("-C 500 --prefetch 10 {acks}"));
        assert_eq!(only(&outcome).consumed, 500, "{acks}");
    }
}

#[test]
fn a_fan_out_gives_every_queue_every_message() {
    let outcome = outcome("--exchange fanout -q 5 -y 2 -C 200");
    assert_eq!(only(&outcome).consumed, 1_000);
}

#[test]
fn every_binding_is_used() {
    for exchange in ["direct", "topic"] {
        let outcome =
            outcome(&format!("--exchange {exchange} -q 3 --bindings 50 -C 106 --mandatory"));
        let phase = only(&outcome);
        assert_eq!((phase.consumed, phase.returned), (106, 0), "{exchange}");
    }
    assert_eq!(only(&outcome("--exchange headers -q 3 -C 60 --mandatory")).returned, 0);
}

#[test]
fn a_backlog_is_filled_first_and_drained_then() {
    let outcome = outcome("--backlog -C 2000 --confirm 100");
    let [fill, drain] = &outcome.phases[..] else { panic!("{:?}", outcome.phases) };
    assert_eq!((fill.name, fill.published, fill.consumed), ("fill", 2_000, 0));
    assert_eq!((drain.name, drain.published, drain.consumed), ("drain", 0, 2_000));
}

#[test]
fn questions_are_answered() {
    let outcome = outcome("--request-reply -C 200 --confirm 4 -x 2");
    let phase = only(&outcome);
    assert_eq!((phase.published, phase.consumed), (400, 400));
    assert_eq!(phase.latency.expect("from question to answer").count, 400);
}

#[test]
fn a_rate_is_kept_and_samples_are_taken() {
    let mut lines = 0;
    let scenario = scenario("--rate 200 --time 2 --warm-up 0.2 --priorities 3 --ttl 60000");
    let outcome = run(&broker(), None, &scenario, &mut |_| lines += 1).expect("a run");
    let published = only(&outcome).published;
    assert!((300..=440).contains(&published), "{published}");
    assert!(lines >= 1 && outcome.samples.len() == lines);
}

#[test]
fn two_brokers_take_turns() {
    let sides = [Contestant::new(&broker(), None), Contestant::new(&broker(), None)];
    let comparison = compare(&sides, 2, &scenario("-C 300"), &mut |_| {}).expect("a comparison");
    assert_eq!(comparison.outcomes.each_ref().map(Vec::len), [2, 2]);
    let what: Vec<_> = comparison.ratios().iter().map(|ratio| ratio.what).collect();
    assert!(what.contains(&"messages a second"), "{what:?}");
}

#[test]
fn a_relay_forwards_what_producers_send_to_ends_that_confirm_it() {
    let program = Path::new(env!("CARGO_BIN_EXE_warrener-perf"));
    let scenario = scenario("-x 2 -C 1000 --confirm 50");
    let outcome = floor(program, &[4_096, 65_536], &scenario, &mut |_| {}).expect("a floor");
    let phase = only(&outcome);
    assert_eq!((phase.confirmed, phase.consumed), (2_000, 2_000));
    assert!(outcome.broker.starts_with("relay"), "{}", outcome.broker);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_declared() {
    for (line, reason) in [
        ("-x 0 -y 0", "neither producers nor consumers"),
        ("-q 0", "there must be a queue"),
        ("--confirm 0", "a window of 0 lets nothing through"),
        ("--bindings 5", "the default exchange has no further bindings; use --exchange"),
    ] {
        let refused = run("amqp://localhost:1", None, &scenario(line), &mut |_| {}).unwrap_err();
        assert_eq!(refused.to_string(), reason);
    }
    let refused = run("amqp://127.0.0.1:1", None, &scenario(""), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().starts_with("cannot connect"), "{refused}");
    let refused = run("amqps://localhost", None, &scenario(""), &mut |_| {}).unwrap_err();
    assert!(refused.to_string().contains("amqps"), "{refused}");
}

#[test]
fn what_a_broker_refuses_is_told_in_its_words() {
    let scenario = scenario("-C 1 --queue-argument x-max-length=-1");
    let refused = run(&broker(), None, &scenario, &mut |_| {}).unwrap_err().to_string();
    assert!(refused.contains("x-max-length"), "{refused}");
}
