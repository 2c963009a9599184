//! The examples that tell a story by themselves, and what must come out.

use core::net::Ipv4Addr;

use warrener_codec::method::{basic, queue};
use warrener_codec::{ChannelId, Content, Method, Properties, ProtocolHeader};

#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/capture_sniffer.rs"]
mod capture_sniffer;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/durable_jobs.rs"]
mod durable_jobs;
#[path = "../examples/embed_queue.rs"]
mod embed_queue;
#[path = "../examples/embed_router.rs"]
mod embed_router;
#[path = "../examples/event_bus.rs"]
mod event_bus;
#[path = "../examples/multi_tenant_routing.rs"]
mod multi_tenant_routing;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/order_pipeline.rs"]
mod order_pipeline;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/order_service_test.rs"]
mod order_service_test;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/raw_frames.rs"]
mod raw_frames;
#[expect(dead_code, reason = "main is for the command line")]
#[path = "../examples/request_reply.rs"]
mod request_reply;
#[path = "../examples/webhook_fan_out.rs"]
mod webhook_fan_out;

#[tokio::test]
async fn orders_are_tried_again_after_a_pause_and_given_up_in_the_end() {
    let (shipped, given_up) = order_pipeline::in_this_process().await.unwrap();
    assert_eq!(
        (shipped, given_up),
        (vec!["tea".into(), "coffee".into()], vec!["unobtainium".into()])
    );
}

#[tokio::test]
async fn every_request_gets_its_reply() {
    assert_eq!(request_reply::in_this_process().await.unwrap(), ["HELLO", "IS ANYBODY THERE"]);
}

#[test]
fn jobs_survive_until_they_are_done() {
    let directory = tempfile::tempdir().unwrap();
    let mut jobs = durable_jobs::Jobs::open(directory.path()).unwrap();
    for name in ["wash", "dry", "fold"] {
        jobs.add(name).unwrap();
    }
    let (wash, dry) = (jobs.take().unwrap(), jobs.take().unwrap());
    assert_eq!((wash.name.as_str(), dry.name.as_str()), ("wash", "dry"));
    jobs.give_back(wash);
    jobs.done(dry).unwrap();
    drop(jobs);

    let mut jobs = durable_jobs::Jobs::open(directory.path()).unwrap();
    assert_eq!(jobs.len(), 2);
    for expected in ["wash", "fold"] {
        let job = jobs.take().unwrap();
        assert_eq!(job.name, expected);
        jobs.done(job).unwrap();
    }
    jobs.add("iron").unwrap();
    drop(jobs);
    assert_eq!(durable_jobs::Jobs::open(directory.path()).unwrap().take().unwrap().name, "iron");
}

#[test]
fn the_frames_of_a_capture_are_shown_in_order_whatever_the_order_of_the_packets() {
    let (mut client, mut broker) = (Vec::new(), Vec::new());
    ProtocolHeader::V0_9_1.encode(&mut client);
    let declare = queue::Declare { queue: "orders".try_into().unwrap(), ..Default::default() };
    Method::from(declare).encode(ChannelId::new(1), &mut client);
    basic::PublishRef::default().encode(ChannelId::new(1), &mut client);
    Content::new(Properties::default(), b"tea".to_vec()).encode(ChannelId::new(1), 0, &mut client);
    Method::ChannelOpenOk.encode(ChannelId::new(1), &mut broker);

    let mut capture = Vec::new();
    for number in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        capture.extend_from_slice(&number.to_le_bytes());
    }
    let (first, rest) = client.split_at(20);
    let (second, third) = rest.split_at(30);
    // The second piece overtakes the first, and the first comes again.
    packet(&mut capture, (40_000, 5672), 999, 2, b"");
    packet(&mut capture, (40_000, 5672), 1_020, 16, second);
    packet(&mut capture, (40_000, 5672), 1_000, 16, first);
    packet(&mut capture, (5672, 40_000), 7, 16, &broker);
    packet(&mut capture, (40_000, 5672), 1_000, 16, first);
    packet(&mut capture, (40_000, 5672), 1_050, 16, third);
    packet(&mut capture, (40_000, 80), 1, 16, b"GET / HTTP/1.1");

    let lines = capture_sniffer::sniff(&capture, 5672).unwrap();
    let starts = [
        "client 40000: AMQP",
        "client 40000: [1] QueueDeclare",
        "broker to 40000: [1] ChannelOpenOk",
        "client 40000: [1] BasicPublish",
        "client 40000: [1] ",
        "client 40000: [1] 3 octets of a body",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}");
    }
    assert!(capture_sniffer::sniff(b"not a capture, but long enough", 5672).is_err());
}

/// Ethernet, IPv4 and TCP around a piece of a stream.
fn packet(capture: &mut Vec<u8>, (from, to): (u16, u16), seq: u32, flags: u8, octets: &[u8]) {
    let mut frame = vec![0; 14];
    frame.extend_from_slice(&[0x45, 0]);
    frame.extend_from_slice(&(40 + octets.len() as u16).to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, 64, 6, 0, 0]);
    frame.extend_from_slice(&Ipv4Addr::LOCALHOST.octets());
    frame.extend_from_slice(&Ipv4Addr::LOCALHOST.octets());
    frame.extend_from_slice(&from.to_be_bytes());
    frame.extend_from_slice(&to.to_be_bytes());
    frame.extend_from_slice(&seq.to_be_bytes());
    frame.extend_from_slice(&[0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]);
    frame.extend_from_slice(octets);
    let len = frame.len() as u32;
    for number in [0, 0, len, len] {
        capture.extend_from_slice(&number.to_le_bytes());
    }
    capture.extend_from_slice(&frame);
}

/// These end by themselves, and assert what they show.
#[test]
fn the_short_ones_run() {
    embed_queue::main().unwrap();
    embed_router::main().unwrap();
    event_bus::main().unwrap();
    multi_tenant_routing::main().unwrap();
    webhook_fan_out::main().unwrap();
    raw_frames::show_small_conversation();
}
