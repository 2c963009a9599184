//! Webhooks: customers subscribe URLs to events by header, and each event goes to every URL that asked for it, once.
//! Deliveries of one customer stay on one worker, in order, by consistent hashing.
//!
//! `cargo run -p warrener-examples --example webhook_fan_out`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::collections::BTreeMap;

use warrener_router::{
    HashOn, HeaderMap, Kind, Matches, NamedRouter, NamedRouterError, NoHeaders, Router, Rule,
    Target,
};

pub(crate) fn main() -> Result<(), NamedRouterError> {
    let mut hooks = NamedRouter::builder().headers("hooks").fanout("unheard").build()?;
    hooks.set_alternate("hooks", "unheard")?;
    hooks.bind("unheard", "metrics:unheard", "")?;
    for (url, wanted) in [
        ("https://ada.example/all", [("customer", "ada"), ("x-match", "all")].as_slice()),
        ("https://ada.example/paid", &[("customer", "ada"), ("event", "paid")]),
        (
            "https://ops.example/any",
            &[("x-match", "any"), ("event", "failed"), ("priority", "high")],
        ),
    ] {
        let arguments: HeaderMap =
            wanted.iter().map(|(name, value)| (*name, (*value).into())).collect();
        hooks.bind("hooks", url, Rule::new("").with_arguments(&arguments))?;
    }

    let mut workers = Router::new(1);
    let by_customer = Kind::ConsistentHash(HashOn::RoutingKey);
    let pool = workers.add(by_customer);
    for worker in 0..4_u8 {
        let name = format!("worker-{worker}");
        workers.bind(pool, Target::Destination(worker), Rule::new("1").with_identity(&name))?;
    }

    let (mut urls, mut worker) = (Matches::new(), Matches::new());
    let mut delivered: BTreeMap<&str, u32> = BTreeMap::new();
    for (customer, event) in
        [("ada", "paid"), ("ada", "failed"), ("bob", "paid"), ("bob", "failed")]
    {
        let headers = HeaderMap::from([("customer", customer.into()), ("event", event.into())]);
        hooks.route_with_headers("hooks", "", &headers, &mut urls)?;
        workers.route(pool, customer.as_bytes(), &NoHeaders, &mut worker);
        for url in &urls {
            println!("worker {}: POST {url} {customer} {event}", worker.destinations()[0]);
            *delivered.entry(url).or_default() += 1;
        }
    }
    assert_eq!(delivered["https://ada.example/all"], 2);
    assert_eq!(delivered["https://ada.example/paid"], 1);
    assert_eq!(delivered["https://ops.example/any"], 2);
    assert_eq!(delivered["metrics:unheard"], 1);
    Ok(())
}
