//! Routing with ids: an enum of services as destinations, and a graph of exchanges.
//!
//! `cargo run -p warrener-examples --example embed_router`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use warrener_router::{BindError, HeaderMap, Kind, Matches, NoHeaders, Router, Rule, Target};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Service {
    Billing,
    Shipping,
    Audit,
    Fraud,
    LostAndFound,
}

pub(crate) fn main() -> Result<(), BindError> {
    // The seed belongs to the host: random in a server, fixed in a test.
    let mut router = Router::new(2026);
    let orders = router.add(Kind::Topic);
    let audit = router.add(Kind::Fanout);
    let risk = router.add(Kind::Headers);
    let lost = router.add(Kind::Fanout);

    router.bind(orders, Target::Destination(Service::Billing), "order.*.paid")?;
    router.bind(orders, Target::Destination(Service::Shipping), "order.#")?;
    router.bind(orders, Target::Exchange(audit), "order.#")?;
    router.bind(orders, Target::Exchange(risk), "order.*.paid")?;
    router.bind(audit, Target::Destination(Service::Audit), "")?;
    let risky = HeaderMap::from([("x-match", "any".into()), ("country", "atlantis".into())]);
    let rule = Rule::new("").with_arguments(&risky);
    router.bind(risk, Target::Destination(Service::Fraud), rule)?;
    router.bind(lost, Target::Destination(Service::LostAndFound), "")?;
    router.set_alternate(orders, Some(lost));

    let mut matches = Matches::new();
    router.route(orders, b"order.17.paid", &NoHeaders, &mut matches);
    assert_eq!(matches.destinations(), [Service::Billing, Service::Shipping, Service::Audit]);

    let headers = HeaderMap::from([("country", "atlantis".into())]);
    router.route(orders, b"order.18.paid", &headers, &mut matches);
    assert!(matches.destinations().contains(&Service::Fraud));

    router.route(orders, b"stock.low", &NoHeaders, &mut matches);
    assert_eq!(matches.destinations(), [Service::LostAndFound]);

    // A service goes away: every binding to it, and which exchanges were left without any.
    let removed = router.unbind_all(Target::Destination(Service::Audit));
    assert_eq!((removed.bindings, removed.emptied), (1, vec![audit]));
    for binding in router.bindings_from(orders) {
        println!("{} -> {:?}", String::from_utf8_lossy(binding.key), binding.target);
    }
    Ok(())
}
