//! Commands: virtual hosts, users and parameters come, change, go, and survive restarts.

use warrener_broker::{
    Command, Config, GlobalParameterDefinition, Json, Limits, Object, Outcome, ParameterDefinition,
    PasswordHash, PermissionDefinition, Reconfiguration, TopicPermissionDefinition, User,
    UserDefinition, VhostDefinition,
};

use crate::script::{World, parse_name as short};

fn vhost(name: &str) -> Command {
    Command::SetVhost(VhostDefinition { name: short(name), ..VhostDefinition::default() })
}

fn user(name: &str) -> Command {
    Command::SetUser(UserDefinition { name: short(name), ..UserDefinition::default() })
}

fn full(user: &str, vhost: &str) -> Command {
    Command::SetPermission(PermissionDefinition {
        user: short(user),
        vhost: short(vhost),
        configure: ".*".into(),
        write: ".*".into(),
        read: ".*".into(),
        ..PermissionDefinition::default()
    })
}

#[test]
fn a_vhost_is_a_world_of_its_own_and_survives_a_restart() {
    let mut world = World::new();
    assert_eq!(world.obeyed(vhost("shop")), Outcome::Created);
    assert_eq!(world.obeyed(vhost("shop")), Outcome::Changed);
    assert!(world.run("1 connect vhost=shop").contains("refused"), "no rights came with it");
    assert_eq!(world.obeyed(full("guest", "shop")), Outcome::Created);
    for _ in 0..2 {
        world.run(
            "2 connect vhost=shop\n2.1 open\n2.1 queue.declare q durable\n3 connect\n3.1 open",
        );
        assert!(world.run("3.1 queue.declare q passive").contains("no queue 'q' in vhost '/'"));
        assert_eq!(world.broker.view().queue("shop", "q").map(|counts| counts.ready), Some(0));
        world.restart(&mut String::new());
    }
}

#[test]
fn a_deleted_vhost_takes_its_connections_queues_and_rights_along() {
    let mut world = World::new();
    world.obeyed(vhost("shop"));
    world.obeyed(full("guest", "shop"));
    world.run(
        "
        1 connect vhost=shop
        1.1 open
        1.1 queue.declare q durable
        1.1 exchange.declare x topic durable
        1.1 queue.bind q x #
        1.1 publish x k hello persistent
        2 connect
        ",
    );
    let (done, told) = world.command(Command::DeleteVhost(short("shop")));
    assert_eq!(done, Ok(Outcome::Deleted));
    assert!(
        told.contains("1 close connection 320 CONNECTION_FORCED - vhost 'shop' is deleted"),
        "{told}"
    );
    assert!(world.is_connected(2));
    assert_eq!(world.broker.view().messages(), 0);
    assert_eq!(world.records(), 0, "nothing is left on disk");
    assert_eq!(world.obeyed(Command::DeleteVhost(short("shop"))), Outcome::Absent);
    assert!(world.run("3 connect vhost=shop").contains("530 NOT_ALLOWED - vhost shop not found"));
    // Its name is free, and nothing comes back with it.
    assert_eq!(world.obeyed(vhost("shop")), Outcome::Created);
    assert!(world.run("4 connect vhost=shop").contains("refused"));
}

#[test]
fn a_vhost_of_the_configuration_stays_deleted() {
    let mut world = World::new();
    world.run("1 connect\n1.1 open\n1.1 queue.declare q durable");
    world.obeyed(Command::DeleteVhost(short("/")));
    world.restart(&mut String::new());
    assert!(world.run("2 connect").contains("vhost / not found"));
    assert_eq!(world.obeyed(vhost("/")), Outcome::Created);
    world.restart(&mut String::new());
    assert!(world.run("3 connect").contains("refused"), "its permissions went with it");
    world.obeyed(full("guest", "/"));
    assert!(world.run("4 connect").contains("opened"));
    assert_eq!(world.broker.view().queue("/", "q"), None);
}

#[test]
fn a_crash_in_the_midst_of_a_deletion_leaves_nothing_behind() {
    let mut world = World::new();
    world.obeyed(vhost("shop"));
    world.obeyed(full("guest", "shop"));
    world.run("1 connect vhost=shop\n1.1 open");
    for queue in 0..100 {
        world.run(&format!("1.1 queue.declare q{queue} durable"));
    }
    world.begin(Command::DeleteVhost(short("shop")));
    world.restart(&mut String::new());
    assert!(world.run("2 connect vhost=shop").contains("not found"));
    assert_eq!(world.records(), 0, "what was left is released");
    world.obeyed(vhost("shop"));
    assert_eq!(world.broker.view().queues("shop").count(), 0);
}

#[test]
fn a_protected_vhost_is_not_deleted() {
    let mut world = World::new();
    let metadata = Object::new().with("protected_from_deletion", true);
    let shop = VhostDefinition { name: short("shop"), metadata, ..VhostDefinition::default() };
    world.obeyed(Command::SetVhost(shop));
    assert!(world.refused(Command::DeleteVhost(short("shop"))).contains("protected"));
}

#[test]
fn queues_get_the_type_of_their_vhost() {
    let mut world = World::new();
    let metadata = Object::new().with("default_queue_type", "quorum");
    let root = VhostDefinition { name: short("/"), metadata, ..VhostDefinition::default() };
    world.run("1 connect\n1.1 open\n1.1 queue.declare before durable");
    world.obeyed(Command::SetVhost(root));
    world.run(
        "
        1.1 queue.declare durable durable
        1.1 queue.declare durable durable
        1.1 queue.declare durable durable arg:x-queue-type=quorum
        1.1 queue.declare before durable
        1.1 queue.declare exclusive durable exclusive
        1.1 queue.declare classic durable arg:x-queue-type=classic
        ",
    );
    let view = world.broker.view().to_string();
    for line in ["'durable' quorum", "'before' classic", "'exclusive' classic", "'classic' classic"]
    {
        assert!(view.contains(line), "{line}\n{view}");
    }
    assert!(world.is_open(1, 1), "redeclaring was no mistake");
}

#[test]
fn a_deleted_user_is_out_at_once_and_stays_out() {
    let mut world = World::new();
    world.obeyed(user("ann"));
    world.obeyed(full("ann", "/"));
    world.run("1 connect user=ann\n1.1 open\n2 connect");
    let (done, told) = world.command(Command::DeleteUser(short("ann")));
    assert_eq!(done, Ok(Outcome::Deleted));
    assert!(
        told.contains("1 close connection 320 CONNECTION_FORCED - user 'ann' is deleted"),
        "{told}"
    );
    assert_eq!(world.records(), 0);
    assert_eq!(world.obeyed(Command::DeleteUser(short("ann"))), Outcome::Absent);
    // One of the configuration too, with what it may do.
    world.obeyed(Command::DeleteUser(short("guest")));
    world.restart(&mut String::new());
    assert!(world.broker.view().user(b"guest").is_none());
    world.obeyed(user("guest"));
    world.restart(&mut String::new());
    assert!(world.run("3 connect").contains("refused"));
}

#[test]
fn what_was_changed_counts_more_than_the_configuration() {
    let mut world = World::new();
    let guest = UserDefinition {
        name: short("guest"),
        password_hash: "AQIDBA==".into(),
        tags: vec![short("administrator")],
        ..UserDefinition::default()
    };
    world.obeyed(Command::SetUser(guest));
    world.restart(&mut String::new());
    let user = world.broker.view().user(b"guest").expect("guest").clone();
    assert_eq!(&user.password.octets[..], [1, 2, 3, 4]);
    assert!(user.has_tag("administrator"));
    assert!(
        world.run("1 connect").contains("opened"),
        "its permissions are still the configuration's"
    );
    world.obeyed(Command::ClearPermission { user: short("guest"), vhost: short("/") });
    world.restart(&mut String::new());
    assert!(world.run("2 connect").contains("refused"));
}

#[test]
fn rights_of_a_user_that_the_configuration_names_no_more_are_over() {
    let mut world = World::new();
    let without = |config: &mut Config| {
        config.users.retain(|user| user.name.as_bytes() != b"outsider");
    };
    let topic = Command::SetTopicPermission(TopicPermissionDefinition {
        user: short("outsider"),
        vhost: short("/"),
        exchange: short("amq.topic"),
        write: "^a".into(),
        read: "^a".into(),
        ..TopicPermissionDefinition::default()
    });
    world.obeyed(full("outsider", "/"));
    world.obeyed(topic);
    world.restart(&mut String::new());
    assert!(world.run("1 connect user=outsider").contains("opened"));
    world.restart_with(without, &mut String::new());
    assert!(world.broker.view().user(b"outsider").is_none());
    assert!(world.run("2 connect user=outsider").contains("530 NOT_ALLOWED"));
    assert_eq!(world.records(), 0, "nothing of it is left on disk");
    // Whoever gets the name next has what is said of it then.
    world.restart(&mut String::new());
    assert!(world.run("3 connect user=outsider").contains("530 NOT_ALLOWED"));
    world.restart_with(without, &mut String::new());
    world.obeyed(user("outsider"));
    world.restart_with(without, &mut String::new());
    assert!(world.run("4 connect user=outsider").contains("530 NOT_ALLOWED"));
    assert_eq!(world.records(), 1, "the user");
}

#[test]
fn answers_wait_for_the_disk() {
    let mut world = World::new();
    world.run("disk slow");
    assert!(!world.begin(vhost("shop")).contains("done"));
    assert!(world.run("disk done").contains("done Created"));
}

#[test]
fn parameters_are_kept_whatever_they_are_for() {
    let mut world = World::new();
    let value = Json::Object(Object::new().with("src-uri", "amqp://"));
    let shovel = ParameterDefinition {
        vhost: short("/"),
        component: short("shovel"),
        name: short("s"),
        value: value.clone(),
        ..ParameterDefinition::default()
    };
    let global = GlobalParameterDefinition { name: short("g"), value, ..Default::default() };
    world.obeyed(Command::SetParameter(shovel.clone()));
    world.obeyed(Command::SetGlobalParameter(global.clone()));
    world.restart(&mut String::new());
    let Outcome::Exported(all) = world.obeyed(Command::Export { vhost: None }) else { panic!() };
    assert_eq!((all.parameters, all.global_parameters), (vec![shovel], vec![global]));
    let name = |component: &str, name: &str| Command::ClearParameter {
        vhost: short("/"),
        component: short(component),
        name: short(name),
    };
    assert_eq!(world.obeyed(name("shovel", "s")), Outcome::Deleted);
    assert_eq!(world.obeyed(name("shovel", "s")), Outcome::Absent);
    assert_eq!(world.obeyed(Command::ClearGlobalParameter(short("g"))), Outcome::Deleted);
    assert_eq!(world.records(), 0);
}

#[test]
fn commands_about_what_is_not_there_say_so() {
    let mut world = World::new();
    assert_eq!(world.refused(full("nobody", "/")), "user 'nobody' not found");
    assert_eq!(world.refused(full("guest", "nowhere")), "vhost 'nowhere' not found");
    assert_eq!(
        world.refused(Command::PurgeQueue { vhost: short("/"), name: short("q") }),
        "no queue 'q' in vhost '/'",
    );
    let bad = UserDefinition {
        name: short("ann"),
        password_hash: "!!".into(),
        ..UserDefinition::default()
    };
    assert!(world.refused(Command::SetUser(bad)).contains("not base 64"));
    assert_eq!(world.records(), 0);
}

#[test]
fn a_configuration_that_is_read_again_changes_its_users_and_the_limits_and_nothing_else() {
    let mut world = World::new();
    let user =
        |name: &str| User::with_full_access(short(name), PasswordHash::default(), short("/"));
    let configure = |world: &mut World, names: &[&str], queues: Option<i64>| {
        let mut limits = Limits::default();
        limits.vhosts.max_queues = queues;
        let users = Some(names.iter().map(|name| user(name)).collect());
        world.command(Command::Configure(Box::new(Reconfiguration { users, limits }))).1
    };
    world.run("1 connect\n1.1 open\n1.1 queue.declare one\n2 connect user=reader\n2.1 open");
    let set = UserDefinition { name: short("kept"), ..UserDefinition::default() };
    world.obeyed(Command::SetUser(set));
    world.obeyed(Command::ClearPermission { user: short("outsider"), vhost: short("/") });
    let before = world.records();
    let seen = configure(&mut world, &["guest", "eve"], Some(1));
    assert!(
        seen.contains("2 close connection 320 CONNECTION_FORCED - user 'reader' is deleted"),
        "{seen}"
    );
    assert_eq!(world.records(), before, "nothing of it is on disk");
    assert!(world.run("3 connect user=eve").contains("3 opened"));
    assert!(world.run("4 connect user=reader").contains("530"));
    assert!(world.run("1.1 queue.declare two").contains("406"), "there is one already");
    world.run("1.1 closed\n1.1 open");
    configure(&mut world, &["guest", "reader", "kept"], None);
    assert!(world.run("1.1 queue.declare two").contains("declare-ok"));
    assert!(world.run("5 connect user=reader").contains("5 opened"));
    // What a command has said of a user counts more: that it may go nowhere.
    assert!(world.run("6 connect user=kept").contains("530"));
    assert!(!world.is_connected(3));
}
