//! Any method, with its arguments.

// Written by tests/generated from methods.txt. Change that, not this.

use alloc::boxed::Box;

use bytes::BufMut;

use crate::MethodId;
use crate::arguments::{Arguments, Taken};
use crate::method::{access, basic, channel, confirm, connection, exchange, queue};

/// Any method, with its arguments. Flat and exhaustive, so that whoever must handle a new one is told by the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// connection.start: The server introduces itself.
    ConnectionStart(Box<connection::Start>),
    /// connection.start-ok: The client introduces itself and begins to log in.
    ConnectionStartOk(Box<connection::StartOk>),
    /// connection.secure: The server asks for more to log in.
    ConnectionSecure(connection::Secure),
    /// connection.secure-ok: The client answers a challenge.
    ConnectionSecureOk(connection::SecureOk),
    /// connection.tune: The server offers limits.
    ConnectionTune(connection::Tune),
    /// connection.tune-ok: The client settles the limits.
    ConnectionTuneOk(connection::TuneOk),
    /// connection.open: The client chooses a virtual host.
    ConnectionOpen(connection::Open),
    /// connection.open-ok: The connection is ready.
    ConnectionOpenOk,
    /// connection.close: Either side ends the connection.
    ConnectionClose(connection::Close),
    /// connection.close-ok: The connection is over.
    ConnectionCloseOk,
    /// connection.blocked: The server stopped reading publishes. (RabbitMQ extension.)
    ConnectionBlocked(connection::Blocked),
    /// connection.unblocked: The server reads publishes again. (RabbitMQ extension.)
    ConnectionUnblocked,
    /// connection.update-secret: The client renews its password or token. (RabbitMQ extension.)
    ConnectionUpdateSecret(Box<connection::UpdateSecret>),
    /// connection.update-secret-ok: The new secret is in force. (RabbitMQ extension.)
    ConnectionUpdateSecretOk,
    /// channel.open: The client opens the channel that this comes on.
    ChannelOpen,
    /// channel.open-ok: The channel is ready.
    ChannelOpenOk,
    /// channel.flow: Asks the other side to stop or go on sending content.
    ChannelFlow(channel::Flow),
    /// channel.flow-ok: The flow was changed.
    ChannelFlowOk(channel::FlowOk),
    /// channel.close: Either side ends the channel.
    ChannelClose(channel::Close),
    /// channel.close-ok: The channel is over, its number free.
    ChannelCloseOk,
    /// access.request: Asks for a ticket.
    AccessRequest(access::Request),
    /// access.request-ok: Grants a ticket.
    AccessRequestOk(access::RequestOk),
    /// exchange.declare: Creates an exchange, or checks that it is there.
    ExchangeDeclare(Box<exchange::Declare>),
    /// exchange.declare-ok: The exchange is there.
    ExchangeDeclareOk,
    /// exchange.delete: Deletes an exchange.
    ExchangeDelete(exchange::Delete),
    /// exchange.delete-ok: The exchange is gone.
    ExchangeDeleteOk,
    /// exchange.bind: Binds an exchange to another. (RabbitMQ extension.)
    ExchangeBind(Box<exchange::Bind>),
    /// exchange.bind-ok: The binding is there. (RabbitMQ extension.)
    ExchangeBindOk,
    /// exchange.unbind: Removes a binding between exchanges. (RabbitMQ extension.)
    ExchangeUnbind(Box<exchange::Unbind>),
    /// exchange.unbind-ok: The binding is gone. Errata: the number is 51, not 41. (RabbitMQ extension.)
    ExchangeUnbindOk,
    /// queue.declare: Creates a queue, or checks that it is there.
    QueueDeclare(Box<queue::Declare>),
    /// queue.declare-ok: The queue is there.
    QueueDeclareOk(queue::DeclareOk),
    /// queue.bind: Binds a queue to an exchange.
    QueueBind(Box<queue::Bind>),
    /// queue.bind-ok: The binding is there.
    QueueBindOk,
    /// queue.purge: Drops all ready messages.
    QueuePurge(queue::Purge),
    /// queue.purge-ok: The messages are gone.
    QueuePurgeOk(queue::PurgeOk),
    /// queue.delete: Deletes a queue.
    QueueDelete(queue::Delete),
    /// queue.delete-ok: The queue is gone.
    QueueDeleteOk(queue::DeleteOk),
    /// queue.unbind: Removes a binding. There is no no-wait.
    QueueUnbind(Box<queue::Unbind>),
    /// queue.unbind-ok: The binding is gone.
    QueueUnbindOk,
    /// basic.qos: Limits how much may be delivered and not yet settled.
    BasicQos(basic::Qos),
    /// basic.qos-ok: The limit is in force.
    BasicQosOk,
    /// basic.consume: Starts a consumer.
    BasicConsume(Box<basic::Consume>),
    /// basic.consume-ok: The consumer is there.
    BasicConsumeOk(basic::ConsumeOk),
    /// basic.cancel: Ends a consumer. RabbitMQ extension: The server sends it too, when the queue is gone.
    BasicCancel(basic::Cancel),
    /// basic.cancel-ok: The consumer is gone.
    BasicCancelOk(basic::CancelOk),
    /// basic.publish: A message for an exchange.
    BasicPublish(basic::Publish),
    /// basic.return: A message that could not be routed comes back.
    BasicReturn(basic::Return),
    /// basic.deliver: A message for a consumer.
    BasicDeliver(basic::Deliver),
    /// basic.get: Asks for one message.
    BasicGet(basic::Get),
    /// basic.get-ok: The message that was asked for.
    BasicGetOk(basic::GetOk),
    /// basic.get-empty: There is no message.
    BasicGetEmpty,
    /// basic.ack: Messages were dealt with; RabbitMQ extension: from the server: publishes were (confirms).
    BasicAck(basic::Ack),
    /// basic.reject: A message was not dealt with.
    BasicReject(basic::Reject),
    /// basic.recover-async: Asks for all unsettled messages again, without a reply.
    BasicRecoverAsync(basic::RecoverAsync),
    /// basic.recover: Asks for all unsettled messages again.
    BasicRecover(basic::Recover),
    /// basic.recover-ok: The messages are on their way.
    BasicRecoverOk,
    /// basic.nack: Messages were not dealt with; from the server: publishes were not (confirms). (RabbitMQ extension.)
    BasicNack(basic::Nack),
    /// confirm.select: Asks for a confirm of every publish on this channel. (RabbitMQ extension.)
    ConfirmSelect(confirm::Select),
    /// confirm.select-ok: Publishes are confirmed from here on. (RabbitMQ extension.)
    ConfirmSelectOk,
    /// tx.select: Starts the first transaction.
    TxSelect,
    /// tx.select-ok: The channel is transactional.
    TxSelectOk,
    /// tx.commit: Makes all publishes and settlements since the last commit or rollback happen.
    TxCommit,
    /// tx.commit-ok: They happened.
    TxCommitOk,
    /// tx.rollback: Forgets all publishes and settlements since the last commit or rollback.
    TxRollback,
    /// tx.rollback-ok: They are forgotten.
    TxRollbackOk,
}

impl Method {
    /// Which method it is, without its arguments.
    #[must_use]
    pub const fn id(&self) -> MethodId {
        match self {
            Self::ConnectionStart(_) => MethodId::ConnectionStart,
            Self::ConnectionStartOk(_) => MethodId::ConnectionStartOk,
            Self::ConnectionSecure(_) => MethodId::ConnectionSecure,
            Self::ConnectionSecureOk(_) => MethodId::ConnectionSecureOk,
            Self::ConnectionTune(_) => MethodId::ConnectionTune,
            Self::ConnectionTuneOk(_) => MethodId::ConnectionTuneOk,
            Self::ConnectionOpen(_) => MethodId::ConnectionOpen,
            Self::ConnectionOpenOk => MethodId::ConnectionOpenOk,
            Self::ConnectionClose(_) => MethodId::ConnectionClose,
            Self::ConnectionCloseOk => MethodId::ConnectionCloseOk,
            Self::ConnectionBlocked(_) => MethodId::ConnectionBlocked,
            Self::ConnectionUnblocked => MethodId::ConnectionUnblocked,
            Self::ConnectionUpdateSecret(_) => MethodId::ConnectionUpdateSecret,
            Self::ConnectionUpdateSecretOk => MethodId::ConnectionUpdateSecretOk,
            Self::ChannelOpen => MethodId::ChannelOpen,
            Self::ChannelOpenOk => MethodId::ChannelOpenOk,
            Self::ChannelFlow(_) => MethodId::ChannelFlow,
            Self::ChannelFlowOk(_) => MethodId::ChannelFlowOk,
            Self::ChannelClose(_) => MethodId::ChannelClose,
            Self::ChannelCloseOk => MethodId::ChannelCloseOk,
            Self::AccessRequest(_) => MethodId::AccessRequest,
            Self::AccessRequestOk(_) => MethodId::AccessRequestOk,
            Self::ExchangeDeclare(_) => MethodId::ExchangeDeclare,
            Self::ExchangeDeclareOk => MethodId::ExchangeDeclareOk,
            Self::ExchangeDelete(_) => MethodId::ExchangeDelete,
            Self::ExchangeDeleteOk => MethodId::ExchangeDeleteOk,
            Self::ExchangeBind(_) => MethodId::ExchangeBind,
            Self::ExchangeBindOk => MethodId::ExchangeBindOk,
            Self::ExchangeUnbind(_) => MethodId::ExchangeUnbind,
            Self::ExchangeUnbindOk => MethodId::ExchangeUnbindOk,
            Self::QueueDeclare(_) => MethodId::QueueDeclare,
            Self::QueueDeclareOk(_) => MethodId::QueueDeclareOk,
            Self::QueueBind(_) => MethodId::QueueBind,
            Self::QueueBindOk => MethodId::QueueBindOk,
            Self::QueuePurge(_) => MethodId::QueuePurge,
            Self::QueuePurgeOk(_) => MethodId::QueuePurgeOk,
            Self::QueueDelete(_) => MethodId::QueueDelete,
            Self::QueueDeleteOk(_) => MethodId::QueueDeleteOk,
            Self::QueueUnbind(_) => MethodId::QueueUnbind,
            Self::QueueUnbindOk => MethodId::QueueUnbindOk,
            Self::BasicQos(_) => MethodId::BasicQos,
            Self::BasicQosOk => MethodId::BasicQosOk,
            Self::BasicConsume(_) => MethodId::BasicConsume,
            Self::BasicConsumeOk(_) => MethodId::BasicConsumeOk,
            Self::BasicCancel(_) => MethodId::BasicCancel,
            Self::BasicCancelOk(_) => MethodId::BasicCancelOk,
            Self::BasicPublish(_) => MethodId::BasicPublish,
            Self::BasicReturn(_) => MethodId::BasicReturn,
            Self::BasicDeliver(_) => MethodId::BasicDeliver,
            Self::BasicGet(_) => MethodId::BasicGet,
            Self::BasicGetOk(_) => MethodId::BasicGetOk,
            Self::BasicGetEmpty => MethodId::BasicGetEmpty,
            Self::BasicAck(_) => MethodId::BasicAck,
            Self::BasicReject(_) => MethodId::BasicReject,
            Self::BasicRecoverAsync(_) => MethodId::BasicRecoverAsync,
            Self::BasicRecover(_) => MethodId::BasicRecover,
            Self::BasicRecoverOk => MethodId::BasicRecoverOk,
            Self::BasicNack(_) => MethodId::BasicNack,
            Self::ConfirmSelect(_) => MethodId::ConfirmSelect,
            Self::ConfirmSelectOk => MethodId::ConfirmSelectOk,
            Self::TxSelect => MethodId::TxSelect,
            Self::TxSelectOk => MethodId::TxSelectOk,
            Self::TxCommit => MethodId::TxCommit,
            Self::TxCommitOk => MethodId::TxCommitOk,
            Self::TxRollback => MethodId::TxRollback,
            Self::TxRollbackOk => MethodId::TxRollbackOk,
        }
    }

    /// Octets of the arguments.
    pub(crate) fn arguments_len(&self) -> usize {
        match self {
            Self::ConnectionStart(method) => method.arguments_len(),
            Self::ConnectionStartOk(method) => method.arguments_len(),
            Self::ConnectionSecure(method) => method.arguments_len(),
            Self::ConnectionSecureOk(method) => method.arguments_len(),
            Self::ConnectionTune(method) => method.arguments_len(),
            Self::ConnectionTuneOk(method) => method.arguments_len(),
            Self::ConnectionOpen(method) => method.arguments_len(),
            Self::ConnectionClose(method) => method.arguments_len(),
            Self::ConnectionBlocked(method) => method.arguments_len(),
            Self::ConnectionUpdateSecret(method) => method.arguments_len(),
            Self::ChannelFlow(method) => method.arguments_len(),
            Self::ChannelFlowOk(method) => method.arguments_len(),
            Self::ChannelClose(method) => method.arguments_len(),
            Self::AccessRequest(method) => method.arguments_len(),
            Self::AccessRequestOk(method) => method.arguments_len(),
            Self::ExchangeDeclare(method) => method.arguments_len(),
            Self::ExchangeDelete(method) => method.arguments_len(),
            Self::ExchangeBind(method) => method.arguments_len(),
            Self::ExchangeUnbind(method) => method.arguments_len(),
            Self::QueueDeclare(method) => method.arguments_len(),
            Self::QueueDeclareOk(method) => method.arguments_len(),
            Self::QueueBind(method) => method.arguments_len(),
            Self::QueuePurge(method) => method.arguments_len(),
            Self::QueuePurgeOk(method) => method.arguments_len(),
            Self::QueueDelete(method) => method.arguments_len(),
            Self::QueueDeleteOk(method) => method.arguments_len(),
            Self::QueueUnbind(method) => method.arguments_len(),
            Self::BasicQos(method) => method.arguments_len(),
            Self::BasicConsume(method) => method.arguments_len(),
            Self::BasicConsumeOk(method) => method.arguments_len(),
            Self::BasicCancel(method) => method.arguments_len(),
            Self::BasicCancelOk(method) => method.arguments_len(),
            Self::BasicPublish(method) => method.arguments_len(),
            Self::BasicReturn(method) => method.arguments_len(),
            Self::BasicDeliver(method) => method.arguments_len(),
            Self::BasicGet(method) => method.arguments_len(),
            Self::BasicGetOk(method) => method.arguments_len(),
            Self::BasicAck(method) => method.arguments_len(),
            Self::BasicReject(method) => method.arguments_len(),
            Self::BasicRecoverAsync(method) => method.arguments_len(),
            Self::BasicRecover(method) => method.arguments_len(),
            Self::BasicNack(method) => method.arguments_len(),
            Self::ConfirmSelect(method) => method.arguments_len(),
            Self::ConnectionCloseOk
            | Self::ConnectionUnblocked
            | Self::ConnectionUpdateSecretOk
            | Self::ChannelCloseOk
            | Self::ExchangeDeclareOk
            | Self::ExchangeDeleteOk
            | Self::ExchangeBindOk
            | Self::ExchangeUnbindOk
            | Self::QueueBindOk
            | Self::QueueUnbindOk
            | Self::BasicQosOk
            | Self::BasicRecoverOk
            | Self::ConfirmSelectOk
            | Self::TxSelect
            | Self::TxSelectOk
            | Self::TxCommit
            | Self::TxCommitOk
            | Self::TxRollback
            | Self::TxRollbackOk => 0,
            Self::ConnectionOpenOk | Self::ChannelOpen | Self::BasicGetEmpty => 1,
            Self::ChannelOpenOk => 4,
        }
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        match self {
            Self::ConnectionStart(method) => method.encode_arguments(out),
            Self::ConnectionStartOk(method) => method.encode_arguments(out),
            Self::ConnectionSecure(method) => method.encode_arguments(out),
            Self::ConnectionSecureOk(method) => method.encode_arguments(out),
            Self::ConnectionTune(method) => method.encode_arguments(out),
            Self::ConnectionTuneOk(method) => method.encode_arguments(out),
            Self::ConnectionOpen(method) => method.encode_arguments(out),
            Self::ConnectionClose(method) => method.encode_arguments(out),
            Self::ConnectionBlocked(method) => method.encode_arguments(out),
            Self::ConnectionUpdateSecret(method) => method.encode_arguments(out),
            Self::ChannelFlow(method) => method.encode_arguments(out),
            Self::ChannelFlowOk(method) => method.encode_arguments(out),
            Self::ChannelClose(method) => method.encode_arguments(out),
            Self::AccessRequest(method) => method.encode_arguments(out),
            Self::AccessRequestOk(method) => method.encode_arguments(out),
            Self::ExchangeDeclare(method) => method.encode_arguments(out),
            Self::ExchangeDelete(method) => method.encode_arguments(out),
            Self::ExchangeBind(method) => method.encode_arguments(out),
            Self::ExchangeUnbind(method) => method.encode_arguments(out),
            Self::QueueDeclare(method) => method.encode_arguments(out),
            Self::QueueDeclareOk(method) => method.encode_arguments(out),
            Self::QueueBind(method) => method.encode_arguments(out),
            Self::QueuePurge(method) => method.encode_arguments(out),
            Self::QueuePurgeOk(method) => method.encode_arguments(out),
            Self::QueueDelete(method) => method.encode_arguments(out),
            Self::QueueDeleteOk(method) => method.encode_arguments(out),
            Self::QueueUnbind(method) => method.encode_arguments(out),
            Self::BasicQos(method) => method.encode_arguments(out),
            Self::BasicConsume(method) => method.encode_arguments(out),
            Self::BasicConsumeOk(method) => method.encode_arguments(out),
            Self::BasicCancel(method) => method.encode_arguments(out),
            Self::BasicCancelOk(method) => method.encode_arguments(out),
            Self::BasicPublish(method) => method.encode_arguments(out),
            Self::BasicReturn(method) => method.encode_arguments(out),
            Self::BasicDeliver(method) => method.encode_arguments(out),
            Self::BasicGet(method) => method.encode_arguments(out),
            Self::BasicGetOk(method) => method.encode_arguments(out),
            Self::BasicAck(method) => method.encode_arguments(out),
            Self::BasicReject(method) => method.encode_arguments(out),
            Self::BasicRecoverAsync(method) => method.encode_arguments(out),
            Self::BasicRecover(method) => method.encode_arguments(out),
            Self::BasicNack(method) => method.encode_arguments(out),
            Self::ConfirmSelect(method) => method.encode_arguments(out),
            Self::ConnectionCloseOk
            | Self::ConnectionUnblocked
            | Self::ConnectionUpdateSecretOk
            | Self::ChannelCloseOk
            | Self::ExchangeDeclareOk
            | Self::ExchangeDeleteOk
            | Self::ExchangeBindOk
            | Self::ExchangeUnbindOk
            | Self::QueueBindOk
            | Self::QueueUnbindOk
            | Self::BasicQosOk
            | Self::BasicRecoverOk
            | Self::ConfirmSelectOk
            | Self::TxSelect
            | Self::TxSelectOk
            | Self::TxCommit
            | Self::TxCommitOk
            | Self::TxRollback
            | Self::TxRollbackOk => {}
            Self::ConnectionOpenOk | Self::ChannelOpen | Self::BasicGetEmpty => out.put_u8(0),
            Self::ChannelOpenOk => out.put_u32(0),
        }
    }

    pub(crate) fn decode_arguments<'a>(
        id: MethodId,
        arguments: &mut Arguments<'a>,
    ) -> Taken<'a, Self> {
        Ok(match id {
            MethodId::ConnectionStart => {
                Self::ConnectionStart(Box::new(connection::Start::decode(arguments)?))
            }
            MethodId::ConnectionStartOk => {
                Self::ConnectionStartOk(Box::new(connection::StartOk::decode(arguments)?))
            }
            MethodId::ConnectionSecure => {
                Self::ConnectionSecure(connection::Secure::decode(arguments)?)
            }
            MethodId::ConnectionSecureOk => {
                Self::ConnectionSecureOk(connection::SecureOk::decode(arguments)?)
            }
            MethodId::ConnectionTune => Self::ConnectionTune(connection::Tune::decode(arguments)?),
            MethodId::ConnectionTuneOk => {
                Self::ConnectionTuneOk(connection::TuneOk::decode(arguments)?)
            }
            MethodId::ConnectionOpen => Self::ConnectionOpen(connection::Open::decode(arguments)?),
            MethodId::ConnectionOpenOk => arguments.short_ref().map(|_| Self::ConnectionOpenOk)?,
            MethodId::ConnectionClose => {
                Self::ConnectionClose(connection::Close::decode(arguments)?)
            }
            MethodId::ConnectionCloseOk => Self::ConnectionCloseOk,
            MethodId::ConnectionBlocked => {
                Self::ConnectionBlocked(connection::Blocked::decode(arguments)?)
            }
            MethodId::ConnectionUnblocked => Self::ConnectionUnblocked,
            MethodId::ConnectionUpdateSecret => {
                Self::ConnectionUpdateSecret(Box::new(connection::UpdateSecret::decode(arguments)?))
            }
            MethodId::ConnectionUpdateSecretOk => Self::ConnectionUpdateSecretOk,
            MethodId::ChannelOpen => arguments.short_ref().map(|_| Self::ChannelOpen)?,
            MethodId::ChannelOpenOk => arguments.long_str().map(|_| Self::ChannelOpenOk)?,
            MethodId::ChannelFlow => Self::ChannelFlow(channel::Flow::decode(arguments)?),
            MethodId::ChannelFlowOk => Self::ChannelFlowOk(channel::FlowOk::decode(arguments)?),
            MethodId::ChannelClose => Self::ChannelClose(channel::Close::decode(arguments)?),
            MethodId::ChannelCloseOk => Self::ChannelCloseOk,
            MethodId::AccessRequest => Self::AccessRequest(access::Request::decode(arguments)?),
            MethodId::AccessRequestOk => {
                Self::AccessRequestOk(access::RequestOk::decode(arguments)?)
            }
            MethodId::ExchangeDeclare => {
                Self::ExchangeDeclare(Box::new(exchange::Declare::decode(arguments)?))
            }
            MethodId::ExchangeDeclareOk => Self::ExchangeDeclareOk,
            MethodId::ExchangeDelete => Self::ExchangeDelete(exchange::Delete::decode(arguments)?),
            MethodId::ExchangeDeleteOk => Self::ExchangeDeleteOk,
            MethodId::ExchangeBind => {
                Self::ExchangeBind(Box::new(exchange::Bind::decode(arguments)?))
            }
            MethodId::ExchangeBindOk => Self::ExchangeBindOk,
            MethodId::ExchangeUnbind => {
                Self::ExchangeUnbind(Box::new(exchange::Unbind::decode(arguments)?))
            }
            MethodId::ExchangeUnbindOk => Self::ExchangeUnbindOk,
            MethodId::QueueDeclare => {
                Self::QueueDeclare(Box::new(queue::Declare::decode(arguments)?))
            }
            MethodId::QueueDeclareOk => Self::QueueDeclareOk(queue::DeclareOk::decode(arguments)?),
            MethodId::QueueBind => Self::QueueBind(Box::new(queue::Bind::decode(arguments)?)),
            MethodId::QueueBindOk => Self::QueueBindOk,
            MethodId::QueuePurge => Self::QueuePurge(queue::Purge::decode(arguments)?),
            MethodId::QueuePurgeOk => Self::QueuePurgeOk(queue::PurgeOk::decode(arguments)?),
            MethodId::QueueDelete => Self::QueueDelete(queue::Delete::decode(arguments)?),
            MethodId::QueueDeleteOk => Self::QueueDeleteOk(queue::DeleteOk::decode(arguments)?),
            MethodId::QueueUnbind => Self::QueueUnbind(Box::new(queue::Unbind::decode(arguments)?)),
            MethodId::QueueUnbindOk => Self::QueueUnbindOk,
            MethodId::BasicQos => Self::BasicQos(basic::Qos::decode(arguments)?),
            MethodId::BasicQosOk => Self::BasicQosOk,
            MethodId::BasicConsume => {
                Self::BasicConsume(Box::new(basic::Consume::decode(arguments)?))
            }
            MethodId::BasicConsumeOk => Self::BasicConsumeOk(basic::ConsumeOk::decode(arguments)?),
            MethodId::BasicCancel => Self::BasicCancel(basic::Cancel::decode(arguments)?),
            MethodId::BasicCancelOk => Self::BasicCancelOk(basic::CancelOk::decode(arguments)?),
            MethodId::BasicPublish => Self::BasicPublish(basic::Publish::decode(arguments)?),
            MethodId::BasicReturn => Self::BasicReturn(basic::Return::decode(arguments)?),
            MethodId::BasicDeliver => Self::BasicDeliver(basic::Deliver::decode(arguments)?),
            MethodId::BasicGet => Self::BasicGet(basic::Get::decode(arguments)?),
            MethodId::BasicGetOk => Self::BasicGetOk(basic::GetOk::decode(arguments)?),
            MethodId::BasicGetEmpty => arguments.short_ref().map(|_| Self::BasicGetEmpty)?,
            MethodId::BasicAck => Self::BasicAck(basic::Ack::decode(arguments)?),
            MethodId::BasicReject => Self::BasicReject(basic::Reject::decode(arguments)?),
            MethodId::BasicRecoverAsync => {
                Self::BasicRecoverAsync(basic::RecoverAsync::decode(arguments)?)
            }
            MethodId::BasicRecover => Self::BasicRecover(basic::Recover::decode(arguments)?),
            MethodId::BasicRecoverOk => Self::BasicRecoverOk,
            MethodId::BasicNack => Self::BasicNack(basic::Nack::decode(arguments)?),
            MethodId::ConfirmSelect => Self::ConfirmSelect(confirm::Select::decode(arguments)?),
            MethodId::ConfirmSelectOk => Self::ConfirmSelectOk,
            MethodId::TxSelect => Self::TxSelect,
            MethodId::TxSelectOk => Self::TxSelectOk,
            MethodId::TxCommit => Self::TxCommit,
            MethodId::TxCommitOk => Self::TxCommitOk,
            MethodId::TxRollback => Self::TxRollback,
            MethodId::TxRollbackOk => Self::TxRollbackOk,
        })
    }
}
