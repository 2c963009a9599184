//! One request, understood: its path, its query, its body, and who sends it.

use std::sync::Arc;

use serde_json::{Map, Value};
use warrener_broker::{Command, CommandError, Outcome, Reason, View};
use warrener_codec::ShortStr;

use crate::api::Api;
use crate::reply::{Failure, Reply};
use crate::right::Caller;

/// One request.
pub(crate) struct Call {
    pub(crate) api: Arc<Api>,
    pub(crate) caller: Caller,
    /// What the path's places hold, by name.
    pub(crate) places: Vec<(&'static str, String)>,
    /// The query, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The body as it came.
    pub(crate) body: bytes::Bytes,
    /// Why a connection is to close.
    pub(crate) reason: Option<String>,
}

impl Call {
    /// What the path has in this place.
    pub(crate) fn place(&self, name: &str) -> &str {
        self.places.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    /// The virtual host of the path, if it names one.
    pub(crate) fn vhost(&self) -> Option<&str> {
        self.places.iter().find(|(own, _)| *own == "vhost").map(|(_, value)| value.as_str())
    }

    /// The same as the broker's word.
    pub(crate) fn short(&self, place: &str) -> Result<ShortStr, Failure> {
        short(self.place(place))
    }

    /// A value of the query.
    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether the query has `name=true`.
    pub(crate) fn is_asked(&self, name: &str) -> bool {
        self.asked(name) == Some("true")
    }

    /// The body as a document; an empty one is an empty object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, Failure> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            // Depth is bounded by the parser.
            _ => Err(Failure::bad("not_json")),
        }
    }

    /// Asks the broker for something.
    pub(crate) async fn command(&self, command: Command) -> Result<Outcome, Failure> {
        let command = if self.caller.is_operator {
            command
        } else {
            let user = self.caller.user.name.clone();
            Command::OnBehalf { user, command: command.into() }
        };
        self.api.host.command(command).await.map_err(|error| refused(&error))
    }

    /// Asks the broker to set something: 201 when it was not there, 204 when it was.
    pub(crate) async fn set(&self, command: Command) -> Result<Reply, Failure> {
        Ok(match self.command(command).await? {
            Outcome::Created => Reply::Created(None),
            _ => Reply::Done,
        })
    }

    /// Asks the broker to clear something: 404 when it was not there.
    pub(crate) async fn clear(&self, command: Command) -> Result<Reply, Failure> {
        match self.command(command).await? {
            Outcome::Absent => Err(Failure::Missing),
            _ => Ok(Reply::Done),
        }
    }

    /// Looks at the broker; `look` takes a bounded part of it.
    pub(crate) fn look<R>(&self, look: impl FnOnce(View<'_>) -> R) -> R {
        self.api.look(look)
    }
}

/// A name as the broker has it; longer ones than 255 octets there are not.
pub(crate) fn short(text: &str) -> Result<ShortStr, Failure> {
    ShortStr::try_from(text.as_bytes()).map_err(|_| Failure::bad("name is longer than 255 octets"))
}

/// What the broker refuses, as RabbitMQ's management says it.
pub(crate) fn refused(error: &CommandError) -> Failure {
    match error {
        CommandError::NoVhost(_) => Failure::MissingVhost,
        CommandError::NoUser(_) | CommandError::NoExchange(_) => Failure::Missing,
        CommandError::Refused(Reason::NotFound(_)) => Failure::Missing,
        CommandError::Refused(
            Reason::SystemExchange(_) | Reason::DefaultExchange | Reason::ReservedName { .. },
        ) => Failure::Refused,
        other => Failure::Bad(other.to_string().trim_end().to_owned()),
    }
}

impl Call {
    /// Whether a listing shows what is in this virtual host: the one of the path, or all that the caller may enter.
    pub(crate) fn shows(&self, vhost: &ShortStr) -> bool {
        let name = vhost.as_str().unwrap_or_default();
        self.vhost().map_or_else(|| self.caller.enters(name), |wanted| wanted == name)
    }
}
