//! What definitions take of memory is counted, as it is about.

use allocation_counter::measure;
use warrener_broker::{
    Command, Object, PermissionDefinition, PolicyDefinition, UserDefinition, VhostDefinition,
};
use warrener_codec::ShortStr;

use crate::script::World;

const COUNT: usize = 200;

fn name(text: &'static str) -> ShortStr {
    ShortStr::from_static(text)
}

/// Runs a line for each number, and gives what it took of memory and what was counted.
fn cost(world: &mut World, line: impl Fn(usize) -> String) -> (f64, f64) {
    let before = world.broker.view().memory_bytes();
    let taken = measure(|| {
        (0..COUNT).for_each(|nth| drop(world.run(&line(nth))));
    });
    let counted = world.broker.view().memory_bytes() - before;
    (taken.bytes_current as f64 / COUNT as f64, counted as f64 / COUNT as f64)
}

#[test]
fn what_definitions_take_is_counted_and_given_back() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q\n1 drained 1000000");
    let empty = world.broker.view().memory_bytes();
    let kinds: [(&str, &dyn Fn(usize) -> String); 3] = [
        ("queue", &|nth| format!("1.1 queue.declare queue-{nth}")),
        ("exchange", &|nth| format!("1.1 exchange.declare exchange-{nth} topic")),
        ("binding", &|nth| format!("1.1 queue.bind q exchange-{nth} some.key.#")),
    ];
    for (kind, line) in kinds {
        let (taken, counted) = cost(&mut world, line);
        let fits = (0.4..=1.3).contains(&(taken / counted));
        assert!(fits, "{kind}: {taken} octets, and {counted} are counted");
    }
    // The answers have left.
    world.run("1 drained 1000000");
    let view = world.broker.view();
    assert_eq!(view.memory_bytes(), view.definition_bytes());
    for nth in 0..COUNT {
        world.run(&format!("1.1 exchange.delete exchange-{nth}\n1.1 queue.delete queue-{nth}"));
    }
    world.run("1 drained 1000000");
    assert_eq!(world.broker.view().memory_bytes(), empty);
}

/// Sets what can be set, in a virtual host of its own and in the one that has the events' exchange.
fn define_everything(world: &mut World) {
    world.obeyed(Command::SetVhost(VhostDefinition { name: name("v"), ..Default::default() }));
    world.obeyed(Command::SetUser(UserDefinition { name: name("ann"), ..Default::default() }));
    for vhost in ["/", "v"].map(name) {
        let all = || ".*".into();
        world.obeyed(Command::SetPermission(PermissionDefinition {
            user: name("guest"),
            vhost: vhost.clone(),
            configure: all(),
            write: all(),
            read: all(),
            ..Default::default()
        }));
        world.obeyed(Command::SetPolicy(PolicyDefinition {
            vhost,
            name: name("p"),
            pattern: all(),
            apply_to: "queues".into(),
            definition: Object::new().with("max-length", 5_i64),
            ..Default::default()
        }));
    }
    for (connection, vhost) in [(1, "/"), (2, "v")] {
        let script = "
            connect vhost=VHOST
            .1 open
            .1 queue.declare q durable
            .1 queue.declare passing
            .1 exchange.declare delays x-delayed-message durable arg:x-delayed-type=direct
            .1 exchange.declare remembers x-recent-history durable
            .1 exchange.declare fleeting topic auto-delete
            .1 exchange.bind remembers fleeting a.#
            .1 queue.bind q delays k
            .1 queue.bind passing remembers -
            .1 publish remembers k one persistent
            .1 publish delays k two persistent h:x-delay=1000000
        ";
        for line in script.trim().lines().map(str::trim) {
            let line = line.replace("VHOST", vhost);
            let gap = if line.starts_with('.') { "" } else { " " };
            world.run(&format!("{connection}{gap}{line}"));
        }
    }
}

#[test]
fn what_everything_took_is_given_back_with_its_virtual_host_and_user() {
    for restarts in [false, true] {
        let mut world = World::new();
        define_everything(&mut world);
        if restarts {
            world.restart(&mut String::new());
        }
        let kept = ["/", "v"].map(|vhost| world.broker.view().queue(vhost, "q").is_some());
        assert_eq!(kept, [true; 2]);
        assert!(world.broker.view().definition_bytes() > 2 * 3072 + 4 * 768);
        for vhost in ["/", "v"] {
            world.obeyed(Command::DeleteVhost(name(vhost)));
        }
        world.obeyed(Command::DeleteUser(name("ann")));
        let view = world.broker.view();
        assert_eq!((view.memory_bytes(), view.definition_bytes()), (0, 0), "{restarts}");
    }
}
