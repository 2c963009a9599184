//! Limits of users and virtual hosts, in RabbitMQ's words.

use warrener_broker::{Command, Object, Outcome, UserDefinition, VhostDefinition};

use crate::script::{World, parse_name as short};

fn limit_user(world: &mut World, limits: Object) {
    let user = UserDefinition { name: short("guest"), limits, ..UserDefinition::default() };
    assert_eq!(world.obeyed(Command::SetUser(user)), Outcome::Changed);
}

fn limit_vhost(world: &mut World, limits: Object) {
    let vhost = VhostDefinition { name: short("/"), limits, ..VhostDefinition::default() };
    assert_eq!(world.obeyed(Command::SetVhost(vhost)), Outcome::Changed);
}

#[test]
fn a_user_has_so_many_connections_and_no_more() {
    let mut world = World::new();
    limit_user(&mut world, Object::new().with("max-connections", 2_i64));
    world.run("1 connect\n2 connect");
    let refused = "530 NOT_ALLOWED - connection refused for user 'guest': user connection limit (2) is reached";
    let answer = world.run("3 connect");
    assert!(answer.contains(refused), "{answer}");
    assert!(answer.contains("(10, 40)"), "{answer}");
    world.run("1 disconnect");
    assert!(world.run("4 connect").contains("opened"));
    limit_user(&mut world, Object::new().with("max-connections", -1_i64));
    assert!(world.run("5 connect").contains("opened"));
}

#[test]
fn a_user_has_so_many_channels_over_all_connections() {
    let mut world = World::new();
    limit_user(&mut world, Object::new().with("max-channels", 2_i64));
    world.run("1 connect\n2 connect\n1.1 open\n2.1 open");
    let refused = "530 NOT_ALLOWED - number of channels opened for user 'guest' has reached the maximum allowed \
                   user limit of 2";
    let answer = world.run("2.2 open");
    assert!(answer.contains(refused) && answer.contains("(0, 0)"), "{answer}");
    // The connection that asked is gone, and so is its channel.
    assert!(world.run("1.2 open").contains("open-ok"));
    world.run("1.2 close");
    assert!(world.run("1.3 open").contains("open-ok"));
}

#[test]
fn a_vhost_has_so_many_connections_and_queues() {
    let mut world = World::new();
    let limits = Object::new().with("max-connections", 1_i64).with("max-queues", 1_i64);
    limit_vhost(&mut world, limits);
    world.run("1 connect\n1.1 open\n1.1 queue.declare a");
    assert!(world.run("1.1 queue.declare a").contains("declare-ok"), "it is there already");
    let refused = "406 PRECONDITION_FAILED - cannot declare queue 'b': queue limit in vhost '/' (1) is reached";
    let answer = world.run("1.1 queue.declare b");
    assert!(answer.contains(refused), "{answer}");
    let refused = "530 NOT_ALLOWED - access to vhost '/' refused for user 'guest': connection limit (1) is reached";
    let answer = world.run("2 connect");
    assert!(answer.contains(refused), "{answer}");
    world.run("1 disconnect");
    limit_vhost(&mut world, Object::new().with("max-connections", 0_i64));
    assert!(world.run("3 connect").contains("connection limit (0) is reached"));
}

#[test]
fn limits_of_the_broker_count_where_nobody_has_their_own() {
    let mut world = World::with_limits(|limits| {
        limits.users.max_connections = Some(2);
        limits.users.max_channels = Some(1);
        limits.vhosts.max_queues = Some(1);
    });
    world.run("1 connect\n1.1 open\n1.1 queue.declare a");
    assert!(world.run("1.1 queue.declare b").contains("queue limit in vhost '/' (1) is reached"));
    assert!(world.run("1.2 open").contains("user limit of 1"));
    world.run("2 connect\n3 connect");
    assert!(world.run("4 connect").contains("user connection limit (2) is reached"));
    limit_user(&mut world, Object::new().with("max-connections", -1_i64));
    assert!(world.run("5 connect").contains("opened"));
}

#[test]
fn a_vhost_has_so_many_bindings_and_one_that_is_there_may_be_asked_for_again() {
    let mut world = World::with_limits(|limits| limits.bindings_per_vhost = 2);
    world.run("1 connect\n1.1 open\n1.1 queue.declare q");
    world.run("1.1 queue.bind q amq.topic a\n1.1 queue.bind q amq.topic b");
    assert!(world.run("1.1 queue.bind q amq.topic a").contains("bind-ok"));
    let answer = world.run("1.1 queue.bind q amq.topic c");
    let refused =
        "406 PRECONDITION_FAILED - cannot bind in vhost '/': binding limit of 2 is reached";
    assert!(answer.contains(refused), "{answer}");
    world.run("1.2 open\n1.2 queue.unbind q amq.topic a");
    assert!(world.run("1.2 queue.bind q amq.topic c").contains("bind-ok"));
}

#[test]
fn limits_survive_a_restart() {
    let mut world = World::new();
    limit_user(&mut world, Object::new().with("max-connections", 1_i64));
    limit_vhost(&mut world, Object::new().with("max-queues", 0_i64));
    world.restart(&mut String::new());
    world.run("1 connect\n1.1 open");
    assert!(world.run("1.1 queue.declare a").contains("queue limit in vhost '/' (0)"));
    assert!(world.run("2 connect").contains("user connection limit (1)"));
}
