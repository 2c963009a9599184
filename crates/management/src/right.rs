//! Who may do what: tags of users, and virtual hosts.

use warrener_broker::{User, Verdict};

use crate::reply::Failure;

/// What a route asks of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing; not even a login.
    Nothing,
    /// A tag that lets users in at all.
    Management,
    /// That, and access to the virtual host that the path names, or the highest tag.
    Vhost,
    /// The same, or a tag that lets users see everything.
    VhostSeen,
    /// A tag that lets users see everything.
    Monitoring,
    /// A tag that lets users set policies, and access to the virtual host.
    Policymaker,
    /// The highest tag.
    Administrator,
}

/// What is done to a queue or exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Configure,
    Write,
    Read,
}

/// What a user is here.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: User,
    /// The operating system has let it in: it may do everything.
    pub(crate) is_operator: bool,
}

impl Caller {
    pub(crate) fn is_administrator(&self) -> bool {
        self.is_operator || self.user.has_tag("administrator")
    }

    pub(crate) fn is_monitoring(&self) -> bool {
        self.is_administrator() || self.user.has_tag("monitoring")
    }

    pub(crate) fn is_policymaker(&self) -> bool {
        self.is_administrator() || self.user.has_tag("policymaker")
    }

    pub(crate) fn is_management(&self) -> bool {
        self.is_monitoring() || self.is_policymaker() || self.user.has_tag("management")
    }

    /// Whether the user may enter a virtual host.
    pub(crate) fn enters(&self, vhost: &str) -> bool {
        self.is_operator
            || self.user.permissions.keys().any(|own| own.as_bytes() == vhost.as_bytes())
    }

    /// Checks what the user may do to something of this name, as for a client of AMQP.
    pub(crate) fn may(&self, how: Deed, vhost: &str, name: &str) -> Result<(), Failure> {
        if self.is_operator {
            return Ok(());
        }
        let mut permissions = self.user.permissions.iter();
        let found = permissions.find(|(own, _)| own.as_bytes() == vhost.as_bytes());
        let pattern = found.map(|(_, own)| match how {
            Deed::Configure => &own.configure,
            Deed::Write => &own.write,
            Deed::Read => &own.read,
        });
        // The default exchange is meant by its other name.
        let name = if name.is_empty() { "amq.default" } else { name };
        match pattern {
            Some(pattern) if pattern.test(name.as_bytes()) == Verdict::Matches => Ok(()),
            _ => Err(Failure::Refused),
        }
    }

    /// Checks what a route asks for; `vhost` is what the path names.
    pub(crate) fn check(&self, right: Right, vhost: Option<&str>) -> Result<(), Failure> {
        let enters = || vhost.is_none_or(|vhost| self.enters(vhost));
        if right != Right::Nothing && !self.is_management() {
            return Err(Failure::Forbidden("Not management user"));
        }
        match right {
            Right::Nothing | Right::Management => Ok(()),
            Right::Vhost if enters() || self.is_administrator() => Ok(()),
            Right::VhostSeen if enters() || self.is_monitoring() => Ok(()),
            // What one may not see is not there (RabbitMQ 4.3).
            Right::Vhost | Right::VhostSeen => Err(Failure::Missing),
            Right::Monitoring if self.is_monitoring() => Ok(()),
            Right::Monitoring => Err(Failure::Forbidden("Not monitor user")),
            Right::Policymaker if !self.is_policymaker() => {
                Err(Failure::Forbidden("Not policy maker"))
            }
            Right::Policymaker if enters() || self.is_administrator() => Ok(()),
            Right::Policymaker => Err(Failure::Missing),
            Right::Administrator if self.is_administrator() => Ok(()),
            Right::Administrator => Err(Failure::Forbidden("Not administrator user")),
        }
    }
}
