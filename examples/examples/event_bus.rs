//! An in-process event bus: subscribers name patterns, events find their subscribers.
//!
//! `cargo run -p warrener-examples --example event_bus`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use warrener_router::{Matches, NamedRouter, NamedRouterError};

type Subscriber<'a> = Box<dyn FnMut(&str, &str) + 'a>;

/// Calls every subscriber whose pattern matches an event, each once.
struct EventBus<'a> {
    router: NamedRouter<usize>,
    subscribers: Vec<Subscriber<'a>>,
    matches: Matches<usize>,
}

impl<'a> EventBus<'a> {
    fn new() -> Result<Self, NamedRouterError> {
        let router = NamedRouter::builder().topic("events").build()?;
        Ok(Self { router, subscribers: Vec::new(), matches: Matches::new() })
    }

    fn subscribe(
        &mut self,
        patterns: &[&str],
        subscriber: impl FnMut(&str, &str) + 'a,
    ) -> Result<(), NamedRouterError> {
        let number = self.subscribers.len();
        self.subscribers.push(Box::new(subscriber));
        for pattern in patterns {
            self.router.bind("events", number, *pattern)?;
        }
        Ok(())
    }

    /// Publishes an event; tells how many subscribers it reached.
    fn publish(&mut self, event: &str, payload: &str) -> Result<usize, NamedRouterError> {
        self.router.route("events", event, &mut self.matches)?;
        for number in &self.matches {
            (self.subscribers[*number])(event, payload);
        }
        Ok(self.matches.len())
    }
}

pub(crate) fn main() -> Result<(), NamedRouterError> {
    let mut log = Vec::new();
    let mut logins = 0;
    let mut bus = EventBus::new()?;
    bus.subscribe(&["#"], |event, payload| log.push(format!("{event}: {payload}")))?;
    bus.subscribe(&["user.*.login", "admin.login"], |_, _| logins += 1)?;

    assert_eq!(bus.publish("user.ada.login", "from 10.0.0.7")?, 2);
    assert_eq!(bus.publish("admin.login", "from 10.0.0.8")?, 2);
    assert_eq!(bus.publish("user.ada.logout", "")?, 1);
    drop(bus);

    assert_eq!(logins, 2);
    println!("{}", log.join("\n"));
    Ok(())
}
