//! What it costs to ask whether a user may do something: the first time, and again on a warm channel.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]

use core::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use warrener_broker::fuzzing::publish_check;
use warrener_broker::{
    Broker, Capabilities, Command, CommandId, Config, Connected, ConnectionId, ExchangeDefinition,
    Input, PasswordHash, Pattern, Permission, Seed, User,
};
use warrener_codec::{ChannelId, ShortStr};
use warrener_time::Time;

const CONNECTION: ConnectionId = ConnectionId(1);
const CHANNEL: ChannelId = ChannelId::new(1);

/// A broker with one open channel, whose user may write what the pattern says.
fn broker(pattern: &str) -> Broker {
    let short = ShortStr::from_static;
    let mut user = User::new(short("ann"), PasswordHash::default());
    let permission = Permission::parse("", pattern, "").expect("patterns");
    user.permissions.insert(short("/"), permission);
    let mut config = Config::new(Seed::from(1));
    config.users = vec![user];
    let mut broker = Broker::new(config, Time::ZERO);
    let connected = Connected {
        connection: CONNECTION,
        user: short("ann"),
        vhost: short("/"),
        name: ShortStr::EMPTY,
        frame_max: 131_072,
        capabilities: Capabilities::default(),
        said: Default::default(),
    };
    let mut effects = Vec::new();
    broker.handle(Time::ZERO, Input::Connected(Box::new(connected)), &mut effects);
    broker.handle(Time::ZERO, Input::ChannelOpened(CONNECTION, CHANNEL), &mut effects);
    broker
}

fn warm(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("permission");
    for exchanges in [1, 12] {
        let mut broker = broker("^(?!amq\\.)shop\\.");
        let names: Vec<String> = (1..=exchanges).map(|n| format!("shop.exchange-{n:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for name in &names {
            let declare = Command::DeclareExchange(ExchangeDefinition {
                vhost: ShortStr::from_static("/"),
                name: ShortStr::try_from(*name).expect("short"),
                kind: ShortStr::from_static("direct"),
                ..ExchangeDefinition::default()
            });
            let command = Input::Command(CommandId(1), Box::new(declare));
            broker.handle(Time::ZERO, command, &mut Vec::new());
        }
        let mut may_publish = publish_check(&mut broker, (CONNECTION, CHANNEL), &names);
        let mut place = 0;
        group.bench_function(format!("warm, {exchanges} exchanges"), |bencher| {
            bencher.iter(|| {
                place = if place + 1 == exchanges { 0 } else { place + 1 };
                may_publish(black_box(place))
            });
        });
    }
    group.finish();
}

fn patterns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pattern");
    let evil = [b'a'; 255];
    for (label, text, name) in [
        ("anchored", "^(shop|bank)\\.", &b"shop.orders.europe"[..]),
        ("not amq", "^(?!amq\\.).*", b"shop.orders.europe"),
        ("evil look-ahead", "^(?=(a+)+$)b", &evil),
        ("evil back-reference", "^(a|aa)+\\1b", &evil),
        ("evil repetition", "(?:(?=(a*))a){100}z", &evil),
        ("evil but linear", "^(?:a?){200}a{200}b", &evil),
    ] {
        let pattern = Pattern::compile(text).expect("a pattern");
        group.bench_function(label, |bencher| bencher.iter(|| pattern.test(black_box(name))));
    }
    group.finish();
}

criterion_group!(benches, warm, patterns);
criterion_main!(benches);
