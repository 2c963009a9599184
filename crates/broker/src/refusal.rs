//! Why the broker refuses, and the one place where a refusal becomes a reply code and a text.
//!
//! The texts are those of RabbitMQ, because clients and test suites compare them.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use thiserror::Error;
use warrener_codec::{ReplyCode, ShortStr};

pub use crate::difference::{Difference, Given};
pub use crate::resource::{Kind, Resource, Right};

/// Every reason to refuse; its text is what follows the code's name in a reply.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Reason {
    /// There is no virtual host of this name.
    #[error("vhost {0} not found")]
    NoVhost(Box<str>),
    /// The user has no permissions in this virtual host.
    #[error("access to vhost '{vhost}' refused for user '{user}'")]
    VhostRefused {
        /// The virtual host.
        vhost: Box<str>,
        /// The user.
        user: Box<str>,
    },
    /// The virtual host has as many connections as it may.
    #[error(
        "access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is reached"
    )]
    VhostConnections {
        /// The virtual host.
        vhost: Box<str>,
        /// The user.
        user: Box<str>,
        /// How many there may be.
        limit: u64,
    },
    /// The user has as many connections as it may.
    #[error("connection refused for user '{user}': user connection limit ({limit}) is reached")]
    UserConnections {
        /// The user.
        user: Box<str>,
        /// How many there may be.
        limit: u64,
    },
    /// The user has as many channels as it may.
    #[error(
        "number of channels opened for user '{user}' has reached the maximum allowed user limit of {limit}"
    )]
    UserChannels {
        /// The user.
        user: Box<str>,
        /// How many there may be.
        limit: u64,
    },
    /// The virtual host has as many queues as it may.
    #[error("cannot declare queue '{queue}': queue limit in vhost '{vhost}' ({limit}) is reached")]
    VhostQueues {
        /// The queue that there is no room for.
        queue: Box<str>,
        /// The virtual host.
        vhost: Box<str>,
        /// How many there may be.
        limit: u64,
    },
    /// The user lacks a right on a resource.
    #[error("{right} access to {resource} refused for user '{user}'")]
    Forbidden {
        /// The right that is missing.
        right: Right,
        /// On what.
        resource: Resource,
        /// For whom.
        user: Box<str>,
        /// The pattern that would have taken too many steps to decide it, if that is why.
        too_costly: Option<Box<str>>,
    },
    /// The user lacks a right on a routing key of a topic exchange (RabbitMQ extension: topic permissions).
    #[error("{right} access to topic '{key}' in {exchange} refused for user '{user}'")]
    TopicForbidden {
        /// The right that is missing.
        right: Right,
        /// On which routing key.
        key: Box<str>,
        /// Of which exchange.
        exchange: Box<Resource>,
        /// For whom.
        user: Box<str>,
        /// The pattern that would have taken too many steps to decide it, if that is why.
        too_costly: Option<Box<str>>,
    },
    /// There is no such exchange or queue.
    #[error("no {0}")]
    NotFound(Resource),
    /// The empty queue name stands for the channel's last declared queue, and there is none.
    #[error("no previously declared queue")]
    NoPreviousQueue,
    /// The default exchange cannot be declared, deleted or bound.
    #[error("operation not permitted on the default exchange")]
    DefaultExchange,
    /// Names that begin with `amq.` are the broker's to give.
    #[error("{kind} name '{name}' contains reserved prefix 'amq.*'")]
    ReservedName {
        /// What was to be declared.
        kind: Kind,
        /// Under which name.
        name: Box<str>,
    },
    /// Predeclared exchanges stay.
    #[error("deletion of system {0} not allowed")]
    SystemExchange(Resource),
    /// No exchange type has this name.
    #[error("unknown exchange type '{0}'")]
    UnknownExchangeType(Box<str>),
    /// The thing exists with other properties.
    #[error("inequivalent arg '{argument}' for {resource}: {difference}")]
    Inequivalent {
        /// Which property or argument.
        argument: Box<str>,
        /// Of what.
        resource: Resource,
        /// How they differ.
        difference: Box<Difference>,
    },
    /// An argument that must be a string is not.
    #[error("invalid type '{kind}' for arg '{argument}' in {resource}")]
    ArgumentType {
        /// The name of the type received.
        kind: &'static str,
        /// The argument.
        argument: &'static str,
        /// Of what.
        resource: Resource,
    },
    /// An argument's value means nothing.
    #[error("invalid arg '{argument}' for {resource}: {explanation}")]
    InvalidArgument {
        /// The argument.
        argument: &'static str,
        /// Of what.
        resource: Resource,
        /// What is wrong, as RabbitMQ prints it.
        explanation: Box<str>,
    },
    /// An argument belongs to another type of queue.
    #[error("invalid arg '{argument}' for {resource} of queue type {module}")]
    ForeignArgument {
        /// The argument.
        argument: &'static str,
        /// Of what.
        resource: Resource,
        /// The type of the queue, as RabbitMQ names it.
        module: &'static str,
    },
    /// A quorum queue must be durable and shared.
    #[error("invalid property '{property}' for {resource}")]
    InvalidProperty {
        /// The property.
        property: &'static str,
        /// Of what.
        resource: Resource,
    },
    /// A quorum queue must be given its name.
    #[error("Cannot declare a server-named queue for type {0}")]
    ServerNamed(&'static str),
    /// `if-unused` was asked, and it is used.
    #[error("{0} in use")]
    InUse(Resource),
    /// `if-empty` was asked, and it has messages.
    #[error("{0} not empty")]
    NotEmpty(Resource),
    /// The broker will not hold more of these.
    #[error("cannot declare {resource}: {kind} limit of {limit} is reached", kind = resource.kind)]
    TooMany {
        /// What was to be declared.
        resource: Resource,
        /// How many there may be.
        limit: u32,
    },
    /// The broker will not hold more bindings.
    #[error("cannot bind in vhost '{vhost}': binding limit of {limit} is reached")]
    TooManyBindings {
        /// Where.
        vhost: Box<str>,
        /// How many there may be.
        limit: u32,
    },
    /// The queue belongs to another connection.
    #[error(
        "cannot obtain exclusive access to locked {0}. It could be originally declared on another \
         connection or the exclusive property value does not match that of the original declaration."
    )]
    Locked(Resource),
    /// Quorum queues have no conditional deletion.
    #[error(
        "cannot delete {resource}. queue.delete operations with {flag} flag set are not supported by quorum queues"
    )]
    ConditionalDelete {
        /// The queue.
        resource: Resource,
        /// `if-unused` or `if-empty`.
        flag: &'static str,
    },
    /// An internal exchange takes messages only from other exchanges.
    #[error("cannot publish to internal {0}")]
    InternalExchange(Resource),
    /// A headers binding with an `x-match` that is not one.
    #[error("{0}")]
    InvalidBinding(Box<str>),
    /// `immediate` is not offered.
    #[error("immediate=true")]
    Immediate,
    /// The body is larger than the broker takes.
    #[error("message size {size} is larger than configured max size {max}")]
    TooLarge {
        /// The body's size in octets.
        size: u64,
        /// The most the broker takes.
        max: u64,
    },
    /// The `expiration` property is not a number of milliseconds.
    #[error("invalid expiration '{text}': {explanation}")]
    InvalidExpiration {
        /// What it says.
        text: Box<str>,
        /// What is wrong, as RabbitMQ prints it.
        explanation: Box<str>,
    },
    /// The `user-id` property names somebody else.
    #[error("user_id property set to '{claimed}' but authenticated user was '{user}'")]
    UserId {
        /// Who the message says it is from.
        claimed: Box<str>,
        /// Who it is from.
        user: Box<str>,
    },
    /// `CC` or `BCC` is not an array.
    #[error("invalid message: {{unacceptable_type_in_header,\"{header}\",{kind}}}")]
    HeaderType {
        /// `CC` or `BCC`.
        header: &'static str,
        /// The name of the type received.
        kind: &'static str,
    },
    /// The message names more routing keys than the broker follows.
    #[error("message with {0} routing keys: there may be {1}")]
    TooManyKeys(usize, usize),
    /// To find the message's queues would take more steps than it gets.
    #[error("routing by {0} takes more than {1} steps")]
    TooManySteps(Resource, u32),
    /// A request with direct reply-to came from a channel that does not consume replies.
    #[error("fast reply consumer does not exist")]
    NoReplyConsumer,
    /// Replies are never acknowledged.
    #[error("reply consumer cannot acknowledge")]
    ReplyConsumerAcknowledges,
    /// One reply consumer a channel.
    #[error("reply consumer already set")]
    ReplyConsumerExists,
    /// The reply pseudo-queue cannot be bound.
    #[error("cannot bind or unbind to a volatile (direct reply-to) queue")]
    BindReplyQueue,
    /// Nothing is kept at a requester's address, so nothing can be got from it.
    #[error("basic.get not supported by volatile {0}")]
    GetFromReplier(Resource),
    /// A requester's address delivers to the requester.
    #[error("only creator channel may consume from {0}")]
    ConsumeFromReplier(Resource),
    /// The channel already has a consumer of this tag.
    #[error("attempt to reuse consumer tag '{0}'")]
    ConsumerTagReused(Box<str>),
    /// The channel has as many consumers as it may.
    #[error("reached maximum ({0}) of consumers per channel")]
    TooManyConsumers(u32),
    /// The connection has as many consumers as it may.
    #[error("reached maximum ({0}) of consumers per connection")]
    TooManyConsumersInAll(u32),
    /// There are as many bindings as there may be.
    #[error("cannot bind {resource}: limit of {limit} {unit} is reached")]
    TooManyBindingsOf {
        /// What was to be bound.
        resource: Resource,
        /// How much there may be.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// Arguments are larger than the host takes.
    #[error("arguments of {size} bytes are larger than the limit of {limit}")]
    ArgumentsTooLarge {
        /// How large they are, in octets.
        size: usize,
        /// How large they may be.
        limit: usize,
    },
    /// An exclusive consumer and any other do not go together.
    #[error("{0} in exclusive use")]
    ExclusiveUse(Resource),
    /// Prefetch by octets is not offered.
    #[error("prefetch_size!=0 ({0})")]
    PrefetchSize(u32),
    /// The delivery tag is unknown, or settled already.
    #[error("unknown delivery tag {0}")]
    UnknownDeliveryTag(u64),
    /// Recovery without requeueing is not offered.
    #[error("requeue=false")]
    RecoverWithoutRequeue,
    /// basic.get would go past the single active consumer.
    #[error(
        "cannot obtain access to locked {resource}. basic.get operations are not supported by <<\"{kind}\">> queues with \
         single active consumer"
    )]
    GetPastSingleActive {
        /// The queue.
        resource: Resource,
        /// `classic` or `quorum`.
        kind: &'static str,
    },
    /// The message's headers do not fit the frames of the connection.
    #[error("message headers of {size} bytes do not fit the negotiated frame_max ({frame_max})")]
    HeaderTooLarge {
        /// Octets of the properties.
        size: usize,
        /// What was negotiated, in octets.
        frame_max: u32,
    },
    /// The consumer held a message longer than the queue allows.
    #[error(
        "delivery acknowledgement on channel {channel} timed out. Timeout value used: {timeout_ms} ms. This timeout \
         value can be configured, see consumers doc guide to learn more"
    )]
    AcknowledgementTimeout {
        /// The channel's number.
        channel: u16,
        /// The queue's consumer time-out in milliseconds.
        timeout_ms: u64,
    },
    /// A confirming channel cannot become transactional.
    #[error("cannot switch from confirm to tx mode")]
    ConfirmToTx,
    /// A transactional channel cannot confirm.
    #[error("cannot switch from tx to confirm mode")]
    TxToConfirm,
    /// Commit or rollback without tx.select.
    #[error("channel is not transactional")]
    NotTransactional,
    /// A queue would not take a message of the transaction, so none was taken.
    #[error("partial tx completion")]
    TransactionRefused,
    /// A transaction holds more than the broker keeps open for one channel.
    #[error("transaction is larger than {limit} {unit}")]
    TransactionTooLarge {
        /// How much there may be.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// A method that a client does not send, or that the broker does not serve.
    #[error("unimplemented method")]
    Unimplemented,
    /// The host closes the connection.
    #[error("{0}")]
    Forced(Box<str>),
    /// The host's log has failed.
    #[error("the broker's log has failed; what was not confirmed may be lost")]
    LogFailed,
}

impl Reason {
    /// The reply code this reason is told with.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        match self {
            Self::VhostRefused { .. }
            | Self::VhostConnections { .. }
            | Self::UserConnections { .. }
            | Self::UserChannels { .. }
            | Self::NoVhost(_)
            | Self::ConsumerTagReused(_)
            | Self::TooManyConsumers(_)
            | Self::TooManyConsumersInAll(_) => ReplyCode::NOT_ALLOWED,
            Self::Forbidden { .. }
            | Self::TopicForbidden { .. }
            | Self::DefaultExchange
            | Self::ReservedName { .. }
            | Self::SystemExchange(_)
            | Self::InternalExchange(_)
            | Self::BindReplyQueue
            | Self::ExclusiveUse(_) => ReplyCode::ACCESS_REFUSED,
            Self::NotFound(_) | Self::NoPreviousQueue => ReplyCode::NOT_FOUND,
            Self::Locked(_) | Self::GetPastSingleActive { .. } => ReplyCode::RESOURCE_LOCKED,
            Self::Immediate
            | Self::GetFromReplier(_)
            | Self::PrefetchSize(_)
            | Self::RecoverWithoutRequeue
            | Self::ConditionalDelete { .. } => ReplyCode::NOT_IMPLEMENTED,
            Self::Unimplemented => ReplyCode::COMMAND_INVALID,
            Self::Forced(_) => ReplyCode::CONNECTION_FORCED,
            Self::LogFailed => ReplyCode::INTERNAL_ERROR,
            Self::UnknownExchangeType(_)
            | Self::Inequivalent { .. }
            | Self::ArgumentType { .. }
            | Self::InvalidArgument { .. }
            | Self::ForeignArgument { .. }
            | Self::InvalidProperty { .. }
            | Self::ServerNamed(_)
            | Self::InUse(_)
            | Self::NotEmpty(_)
            | Self::TooMany { .. }
            | Self::TooManyBindings { .. }
            | Self::TooManyBindingsOf { .. }
            | Self::ArgumentsTooLarge { .. }
            | Self::VhostQueues { .. }
            | Self::InvalidBinding(_)
            | Self::TooLarge { .. }
            | Self::InvalidExpiration { .. }
            | Self::UserId { .. }
            | Self::HeaderType { .. }
            | Self::TooManyKeys(..)
            | Self::TooManySteps(..)
            | Self::NoReplyConsumer
            | Self::ReplyConsumerAcknowledges
            | Self::ReplyConsumerExists
            | Self::ConsumeFromReplier(_)
            | Self::UnknownDeliveryTag(_)
            | Self::HeaderTooLarge { .. }
            | Self::AcknowledgementTimeout { .. }
            | Self::ConfirmToTx
            | Self::TxToConfirm
            | Self::NotTransactional
            | Self::TransactionRefused
            | Self::TransactionTooLarge { .. } => ReplyCode::PRECONDITION_FAILED,
        }
    }
}

impl Reason {
    /// The pattern that would have taken too many steps to decide, if that is why.
    pub(crate) fn too_costly(&self) -> Option<&str> {
        match self {
            Self::Forbidden { too_costly, .. } | Self::TopicForbidden { too_costly, .. } => {
                too_costly.as_deref()
            }
            _ => None,
        }
    }
}

/// A refusal ready for the wire: what channel.close or connection.close will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reply code.
    pub code: ReplyCode,
    /// The reply text: the code's name, ` - `, and why.
    pub text: ShortStr,
    /// The class of the method that failed; 0 when none is to blame.
    pub class_id: u16,
    /// The method that failed; 0 when none is to blame.
    pub method_id: u16,
}

impl Refusal {
    /// The refusal of the method with these ids, `(0, 0)` when no method is to blame.
    #[must_use]
    pub fn new(reason: &Reason, (class_id, method_id): (u16, u16)) -> Self {
        let code = reason.code();
        let text = cut(format!("{} - {reason}", code.name()));
        Self { code, text, class_id, method_id }
    }
}

/// A reply text of at most 255 octets; a longer one ends in dots, as RabbitMQ cuts it.
fn cut(mut text: String) -> ShortStr {
    const DOTS: &str = "...";
    if text.len() > 255 {
        let mut end = 255 - DOTS.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(DOTS);
    }
    ShortStr::truncated(&text)
}

/// A name as refusals show it.
pub(crate) fn shown(name: &[u8]) -> Box<str> {
    String::from_utf8_lossy(name).into_owned().into_boxed_str()
}

/// A text of the broker's own, where refusals want one.
pub(crate) fn said(text: &str) -> Box<str> {
    text.to_owned().into_boxed_str()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn text(reason: &Reason) -> String {
        Refusal::new(reason, (50, 10)).text.to_string()
    }

    #[test]
    fn texts_begin_with_the_name_of_the_code() {
        let missing = Reason::NotFound(Resource::queue(b"orders", b"/"));
        assert_eq!(text(&missing), "NOT_FOUND - no queue 'orders' in vhost '/'");
        assert_eq!(text(&Reason::NoVhost(said("shop"))), "NOT_ALLOWED - vhost shop not found",);
        assert_eq!(
            text(&Reason::HeaderType { header: "CC", kind: "longstr" }),
            "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}",
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_end_in_dots() {
        let name = "ü".repeat(127);
        let refusal =
            Refusal::new(&Reason::NotFound(Resource::queue(name.as_bytes(), b"/")), (50, 10));
        assert!(refusal.text.len() <= 255);
        let text = refusal.text.as_str().expect("cut on a boundary");
        assert!(text.ends_with("ü..."), "{text}");
    }

    #[test]
    fn arguments_are_quoted_as_rabbitmq_quotes_them() {
        let reason = Reason::Inequivalent {
            argument: said("x-message-ttl"),
            resource: Resource::queue(b"q", b"/"),
            difference: Box::new(Difference::Presence {
                received: Given::Nothing,
                current: Given::Value { value: said("1000"), kind: "signedint" },
            }),
        };
        assert_eq!(
            text(&reason),
            "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': \
             received none but current is the value '1000' of type 'signedint'",
        );
    }
}
