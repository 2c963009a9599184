//! From events to inputs, and from effects to whom they are for.

use alloc::boxed::Box;

use warrener_broker::{Confirm, ConnectionId, Deliver, Effect, GetOk, Input, Return};
use warrener_codec::Method;
use warrener_connection::Event;

/// What the broker is to hear of an event on an open channel, when nothing but the broker need hear of it; any other
/// event comes back and is for [`Endpoint::admit`](crate::Endpoint::admit). Nearly all are of the first kind, and need no look at
/// the endpoint.
///
/// # Errors
///
/// The event itself.
#[inline]
pub fn plain_input(connection: ConnectionId, event: Event) -> Result<Input, Box<Event>> {
    match event {
        Event::Content(channel, Method::BasicPublish(publish), content) => {
            Ok(Input::Publish(connection, channel, publish, content))
        }
        Event::Method(channel, method) if !channel.is_connection() => {
            Ok(Input::Method(connection, channel, method))
        }
        other => Err(Box::new(other)),
    }
}

/// Whom an effect is for; `None` when it is for the log.
#[inline]
#[must_use]
pub fn recipient(effect: &Effect) -> Option<ConnectionId> {
    match effect {
        Effect::Opened(connection)
        | Effect::Send(connection, ..)
        | Effect::Confirm(Confirm { connection, .. })
        | Effect::Deliver(Deliver { connection, .. })
        | Effect::GetOk(GetOk { connection, .. })
        | Effect::Return(Return { connection, .. })
        | Effect::CloseChannel(connection, ..)
        | Effect::CloseConnection(connection, _)
        | Effect::ConnectionClosed(connection)
        | Effect::Pause(connection, _) => Some(*connection),
        Effect::Persist(_)
        | Effect::Release(_)
        | Effect::Load(_)
        | Effect::Warn(_)
        | Effect::Done(..) => None,
    }
}
