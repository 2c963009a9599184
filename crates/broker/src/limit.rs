//! Limits of users and of virtual hosts (RabbitMQ extension). A negative number is no limit; zero is none at all.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::json::Object;
use crate::policy::erlang;

/// How much a user may have open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserLimits {
    /// Connections (`max-connections`).
    pub max_connections: Option<i64>,
    /// Channels, over all connections (`max-channels`).
    pub max_channels: Option<i64>,
}

/// How much a virtual host may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VhostLimits {
    /// Connections (`max-connections`).
    pub max_connections: Option<i64>,
    /// Queues (`max-queues`).
    pub max_queues: Option<i64>,
}

const CONNECTIONS: &str = "max-connections";
const CHANNELS: &str = "max-channels";
const QUEUES: &str = "max-queues";

/// The limit, if it is one and this is as much as it allows.
pub(crate) fn reached(limit: Option<i64>, count: usize) -> Option<u64> {
    let limit = u64::try_from(limit?).ok()?;
    (count as u64 >= limit).then_some(limit)
}

impl UserLimits {
    /// Understands `max-connections` and `max-channels`.
    pub(crate) fn parse(object: &Object) -> Result<Self, String> {
        let [max_connections, max_channels] = numbers(object, [CONNECTIONS, CHANNELS])
            .map_err(|problem| problem.map_or_else(|terms| terms + "user-limits", |text| text))?;
        Ok(Self { max_connections, max_channels })
    }

    pub(crate) fn to_object(self) -> Object {
        object([(CHANNELS, self.max_channels), (CONNECTIONS, self.max_connections)])
    }
}

impl VhostLimits {
    /// Understands `max-connections` and `max-queues`.
    pub(crate) fn parse(object: &Object) -> Result<Self, String> {
        let [max_connections, max_queues] =
            numbers(object, [CONNECTIONS, QUEUES]).map_err(|problem| {
                problem.map_or_else(|terms| terms + "limits\n", |text| text + "\n")
            })?;
        Ok(Self { max_connections, max_queues })
    }

    pub(crate) fn to_object(self) -> Object {
        object([(CONNECTIONS, self.max_connections), (QUEUES, self.max_queues)])
    }
}

/// Terms that are not known, up to the name of what they stand in; or what is wrong with one that is.
enum Problem {
    Terms(String),
    Text(String),
}

impl Problem {
    fn map_or_else(
        self,
        terms: impl FnOnce(String) -> String,
        text: impl FnOnce(String) -> String,
    ) -> String {
        match self {
            Self::Terms(own) => terms(own),
            Self::Text(own) => text(own),
        }
    }
}

fn numbers(object: &Object, names: [&str; 2]) -> Result<[Option<i64>; 2], Problem> {
    let unknown: Vec<String> = object
        .iter()
        .filter(|(name, _)| !names.contains(name))
        .map(|(name, value)| format!("{{<<\"{name}\">>,{}}}", erlang(value)))
        .collect();
    if !unknown.is_empty() {
        return Err(Problem::Terms(format!("Unrecognised terms [{}] in ", unknown.join(","))));
    }
    let number = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or_else(|| {
            Problem::Text(format!("{name} should be a number, actually was {}", erlang(value)))
        }),
    };
    Ok([number(names[0])?, number(names[1])?])
}

fn object(members: [(&str, Option<i64>); 2]) -> Object {
    let mut object = Object::new();
    for (name, value) in members {
        if let Some(value) = value {
            object.set(name, value);
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_limit_is_none_and_zero_allows_nothing() {
        assert_eq!(reached(None, 1_000), None);
        assert_eq!(reached(Some(-1), 1_000), None);
        assert_eq!(reached(Some(0), 0), Some(0));
        assert_eq!(reached(Some(2), 1), None);
        assert_eq!(reached(Some(2), 2), Some(2));
    }

    #[test]
    fn what_is_no_limit_is_refused_in_rabbitmqs_words() {
        let foo = Object::new().with("foo", 1_i64);
        assert_eq!(
            VhostLimits::parse(&foo),
            Err("Unrecognised terms [{<<\"foo\">>,1}] in limits\n".into()),
        );
        assert_eq!(
            UserLimits::parse(&foo),
            Err("Unrecognised terms [{<<\"foo\">>,1}] in user-limits".into()),
        );
        assert_eq!(
            VhostLimits::parse(&Object::new().with("max-queues", "a")),
            Err("max-queues should be a number, actually was <<\"a\">>\n".into()),
        );
    }

    #[test]
    fn limits_come_back_as_they_were() {
        let limits = Object::new().with("max-channels", -1_i64).with("max-connections", 5_i64);
        assert_eq!(UserLimits::parse(&limits).map(UserLimits::to_object), Ok(limits));
    }
}
