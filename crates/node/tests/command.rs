//! Commands go through the node, are answered when they are on disk, and hold after a restart.

mod world;

use warrener_broker::{Command, CommandId, Outcome, UserDefinition};
use warrener_codec::ShortStr;
use warrener_node::Notice;
use warrener_store::{Config, SegmentLog, SimulatedDisk};
use world::{START, World};

fn log(disk: &SimulatedDisk) -> SegmentLog<SimulatedDisk> {
    SegmentLog::new(disk.clone(), Config::new(7))
}

fn ann() -> Command {
    let name = ShortStr::from_static("ann");
    Command::SetUser(UserDefinition { name, ..UserDefinition::default() })
}

#[test]
fn a_command_is_answered_when_it_is_on_disk_and_holds_after_a_loss_of_power() {
    let disk = SimulatedDisk::new();
    let (mut world, _) = World::open(log(&disk), START);
    world.command(CommandId(5), ann());
    assert_eq!(world.notices(), []);
    world.settle();
    let created = Notice::Done(CommandId(5), Box::new(Ok(Outcome::Created)));
    assert_eq!(world.notices(), [created]);

    disk.cut_power();
    drop(world);
    disk.restart(|_| 0);
    let (mut world, records) = World::open(log(&disk), START);
    assert_eq!(records, 1);
    assert!(world.node.broker().view().user(b"ann").is_some());
    world.command(CommandId(1), ann());
    world.settle();
    let changed = Notice::Done(CommandId(1), Box::new(Ok(Outcome::Changed)));
    assert_eq!(world.notices(), [changed]);
}
