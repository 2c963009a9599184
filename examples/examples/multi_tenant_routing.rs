//! Tenants that cannot see each other: one router, an exchange for each tenant, and a shared audit trail that only
//! bindings lead to. The router is shared between threads; each thread routes with scratch of its own.
//!
//! `cargo run -p warrener-examples --example multi_tenant_routing`

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use std::thread;

use warrener_router::{Matches, NamedRouter, NamedRouterError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Queue {
    tenant: &'static str,
    name: &'static str,
}

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

pub(crate) fn main() -> Result<(), NamedRouterError> {
    let audit = Queue { tenant: "operator", name: "audit" };
    let mut builder = NamedRouter::builder().fanout("audit").internal("audit");
    builder = builder.bind("audit", audit, "");
    for tenant in TENANTS {
        builder = builder
            .topic(tenant)
            .bind(tenant, Queue { tenant, name: "mail" }, "mail.#")
            .bind(tenant, Queue { tenant, name: "jobs" }, "job.*.start")
            .chain(tenant, "audit", "job.#");
    }
    let router = builder.build()?;

    thread::scope(|scope| {
        for tenant in TENANTS {
            let router = &router;
            scope.spawn(move || -> Result<(), NamedRouterError> {
                let mut matches = Matches::new().counting();
                router.route(tenant, "job.7.start", &mut matches)?;
                assert_eq!(matches.destinations(), [Queue { tenant, name: "jobs" }, audit]);
                router.route(tenant, "mail.in", &mut matches)?;
                assert_eq!(matches.destinations(), [Queue { tenant, name: "mail" }]);
                router.route(tenant, "nothing.for.anybody", &mut matches)?;
                let counts = matches.counts(router.id(tenant)?);
                println!("{tenant}: {} routed, {} unroutable", counts.routed, counts.unroutable);
                Ok(())
            });
        }
    });
    assert!(router.route("audit", "forged", &mut Matches::new()).is_err());
    Ok(())
}
