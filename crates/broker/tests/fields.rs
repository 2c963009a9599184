//! What a later version said of a message stays with it.

use bytes::BytesMut;
use warrener_broker::RecordId;

use crate::script::World;

/// A field that nobody knows: number 77, two octets long.
const UNKNOWN: &[u8] = b"\x00\x4d\0\0\0\x02hi";

/// The flags of a plain message and of its traits, which end its digest: it has traits, and is persistent.
const PLAIN: &[u8] = &[2, 4];

/// The same, when fields follow.
const WITH_FIELDS: &[u8] = &[6, 4];

fn carries(world: &World, record: RecordId) -> bool {
    let digest = &world.records[&record].digest;
    digest.windows(UNKNOWN.len()).any(|octets| octets == UNKNOWN)
}

/// The record that brought the last message.
fn last_message(world: &World) -> RecordId {
    let brings = |id: &&RecordId| !world.records[*id].contents.is_empty();
    *world.records.keys().rfind(brings).expect("a message")
}

/// A queue whose rejected messages go to `grave`, and a message in it that a later version wrote.
fn world(budget_bytes: Option<u64>) -> World {
    let mut world = World::with_budget(budget_bytes);
    world.run(
        "1 connect
        1.1 open
        1.1 queue.declare grave durable
        1.1 queue.declare q durable arg:x-dead-letter-exchange=s! arg:x-dead-letter-routing-key=grave
        1.1 publish - q one persistent",
    );
    let id = last_message(&world);
    let record = world.records.get_mut(&id).expect("it was just found");
    let plain = record.digest.strip_suffix(PLAIN).expect("a plain message");
    let length = (UNKNOWN.len() as u32).to_be_bytes();
    let digest: BytesMut =
        [plain, WITH_FIELDS, &length, UNKNOWN].iter().copied().flatten().collect();
    record.digest = digest.freeze();
    world
}

#[test]
fn a_dead_letter_says_what_the_message_said() {
    let mut world = world(None);
    let first = last_message(&world);
    world.run(
        "restart
        1 connect
        1.1 open
        1.1 get q
        1.1 reject 1",
    );
    let dead = last_message(&world);
    assert!(dead > first && carries(&world, dead));
    world.run(
        "restart
        1 connect
        1.1 open
        1.1 get grave",
    );
    assert!(carries(&world, dead), "a restart changes nothing");
}

#[test]
fn a_message_that_leaves_memory_comes_back_with_all_it_said() {
    let mut world = world(Some(1));
    let shown = world.run(
        "restart
        1 connect
        1.1 open
        1.1 get q
        1.1 reject 1",
    );
    assert!(shown.contains("get-ok 1 - q \"one\""), "{shown}");
    assert!(carries(&world, last_message(&world)));
}
