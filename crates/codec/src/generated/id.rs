//! Which methods there are.

// Written by tests/generated from methods.txt. Change that, not this.

/// A method of the protocol, without its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MethodId {
    /// connection.start: The server introduces itself.
    ConnectionStart,
    /// connection.start-ok: The client introduces itself and begins to log in.
    ConnectionStartOk,
    /// connection.secure: The server asks for more to log in.
    ConnectionSecure,
    /// connection.secure-ok: The client answers a challenge.
    ConnectionSecureOk,
    /// connection.tune: The server offers limits.
    ConnectionTune,
    /// connection.tune-ok: The client settles the limits.
    ConnectionTuneOk,
    /// connection.open: The client chooses a virtual host.
    ConnectionOpen,
    /// connection.open-ok: The connection is ready.
    ConnectionOpenOk,
    /// connection.close: Either side ends the connection.
    ConnectionClose,
    /// connection.close-ok: The connection is over.
    ConnectionCloseOk,
    /// connection.blocked: The server stopped reading publishes. (RabbitMQ extension.)
    ConnectionBlocked,
    /// connection.unblocked: The server reads publishes again. (RabbitMQ extension.)
    ConnectionUnblocked,
    /// connection.update-secret: The client renews its password or token. (RabbitMQ extension.)
    ConnectionUpdateSecret,
    /// connection.update-secret-ok: The new secret is in force. (RabbitMQ extension.)
    ConnectionUpdateSecretOk,
    /// channel.open: The client opens the channel that this comes on.
    ChannelOpen,
    /// channel.open-ok: The channel is ready.
    ChannelOpenOk,
    /// channel.flow: Asks the other side to stop or go on sending content.
    ChannelFlow,
    /// channel.flow-ok: The flow was changed.
    ChannelFlowOk,
    /// channel.close: Either side ends the channel.
    ChannelClose,
    /// channel.close-ok: The channel is over, its number free.
    ChannelCloseOk,
    /// access.request: Asks for a ticket.
    AccessRequest,
    /// access.request-ok: Grants a ticket.
    AccessRequestOk,
    /// exchange.declare: Creates an exchange, or checks that it is there.
    ExchangeDeclare,
    /// exchange.declare-ok: The exchange is there.
    ExchangeDeclareOk,
    /// exchange.delete: Deletes an exchange.
    ExchangeDelete,
    /// exchange.delete-ok: The exchange is gone.
    ExchangeDeleteOk,
    /// exchange.bind: Binds an exchange to another. (RabbitMQ extension.)
    ExchangeBind,
    /// exchange.bind-ok: The binding is there. (RabbitMQ extension.)
    ExchangeBindOk,
    /// exchange.unbind: Removes a binding between exchanges. (RabbitMQ extension.)
    ExchangeUnbind,
    /// exchange.unbind-ok: The binding is gone. Errata: the number is 51, not 41. (RabbitMQ extension.)
    ExchangeUnbindOk,
    /// queue.declare: Creates a queue, or checks that it is there.
    QueueDeclare,
    /// queue.declare-ok: The queue is there.
    QueueDeclareOk,
    /// queue.bind: Binds a queue to an exchange.
    QueueBind,
    /// queue.bind-ok: The binding is there.
    QueueBindOk,
    /// queue.purge: Drops all ready messages.
    QueuePurge,
    /// queue.purge-ok: The messages are gone.
    QueuePurgeOk,
    /// queue.delete: Deletes a queue.
    QueueDelete,
    /// queue.delete-ok: The queue is gone.
    QueueDeleteOk,
    /// queue.unbind: Removes a binding. There is no no-wait.
    QueueUnbind,
    /// queue.unbind-ok: The binding is gone.
    QueueUnbindOk,
    /// basic.qos: Limits how much may be delivered and not yet settled.
    BasicQos,
    /// basic.qos-ok: The limit is in force.
    BasicQosOk,
    /// basic.consume: Starts a consumer.
    BasicConsume,
    /// basic.consume-ok: The consumer is there.
    BasicConsumeOk,
    /// basic.cancel: Ends a consumer. RabbitMQ extension: The server sends it too, when the queue is gone.
    BasicCancel,
    /// basic.cancel-ok: The consumer is gone.
    BasicCancelOk,
    /// basic.publish: A message for an exchange.
    BasicPublish,
    /// basic.return: A message that could not be routed comes back.
    BasicReturn,
    /// basic.deliver: A message for a consumer.
    BasicDeliver,
    /// basic.get: Asks for one message.
    BasicGet,
    /// basic.get-ok: The message that was asked for.
    BasicGetOk,
    /// basic.get-empty: There is no message.
    BasicGetEmpty,
    /// basic.ack: Messages were dealt with; RabbitMQ extension: from the server: publishes were (confirms).
    BasicAck,
    /// basic.reject: A message was not dealt with.
    BasicReject,
    /// basic.recover-async: Asks for all unsettled messages again, without a reply.
    BasicRecoverAsync,
    /// basic.recover: Asks for all unsettled messages again.
    BasicRecover,
    /// basic.recover-ok: The messages are on their way.
    BasicRecoverOk,
    /// basic.nack: Messages were not dealt with; from the server: publishes were not (confirms). (RabbitMQ extension.)
    BasicNack,
    /// confirm.select: Asks for a confirm of every publish on this channel. (RabbitMQ extension.)
    ConfirmSelect,
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

impl MethodId {
    /// Every method, in the order of classes and numbers as `methods.txt` has them.
    pub const ALL: &[Self] = &[
        Self::ConnectionStart,
        Self::ConnectionStartOk,
        Self::ConnectionSecure,
        Self::ConnectionSecureOk,
        Self::ConnectionTune,
        Self::ConnectionTuneOk,
        Self::ConnectionOpen,
        Self::ConnectionOpenOk,
        Self::ConnectionClose,
        Self::ConnectionCloseOk,
        Self::ConnectionBlocked,
        Self::ConnectionUnblocked,
        Self::ConnectionUpdateSecret,
        Self::ConnectionUpdateSecretOk,
        Self::ChannelOpen,
        Self::ChannelOpenOk,
        Self::ChannelFlow,
        Self::ChannelFlowOk,
        Self::ChannelClose,
        Self::ChannelCloseOk,
        Self::AccessRequest,
        Self::AccessRequestOk,
        Self::ExchangeDeclare,
        Self::ExchangeDeclareOk,
        Self::ExchangeDelete,
        Self::ExchangeDeleteOk,
        Self::ExchangeBind,
        Self::ExchangeBindOk,
        Self::ExchangeUnbind,
        Self::ExchangeUnbindOk,
        Self::QueueDeclare,
        Self::QueueDeclareOk,
        Self::QueueBind,
        Self::QueueBindOk,
        Self::QueuePurge,
        Self::QueuePurgeOk,
        Self::QueueDelete,
        Self::QueueDeleteOk,
        Self::QueueUnbind,
        Self::QueueUnbindOk,
        Self::BasicQos,
        Self::BasicQosOk,
        Self::BasicConsume,
        Self::BasicConsumeOk,
        Self::BasicCancel,
        Self::BasicCancelOk,
        Self::BasicPublish,
        Self::BasicReturn,
        Self::BasicDeliver,
        Self::BasicGet,
        Self::BasicGetOk,
        Self::BasicGetEmpty,
        Self::BasicAck,
        Self::BasicReject,
        Self::BasicRecoverAsync,
        Self::BasicRecover,
        Self::BasicRecoverOk,
        Self::BasicNack,
        Self::ConfirmSelect,
        Self::ConfirmSelectOk,
        Self::TxSelect,
        Self::TxSelectOk,
        Self::TxCommit,
        Self::TxCommitOk,
        Self::TxRollback,
        Self::TxRollbackOk,
    ];

    /// The method with these numbers, if there is one.
    #[must_use]
    #[inline]
    pub const fn from_ids(class_id: u16, method_id: u16) -> Option<Self> {
        match class_id {
            10 => connection(method_id),
            20 => channel(method_id),
            30 => access(method_id),
            40 => exchange(method_id),
            50 => queue(method_id),
            60 => basic(method_id),
            85 => confirm(method_id),
            90 => tx(method_id),
            _ => None,
        }
    }
}

const fn connection(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::ConnectionStart,
        11 => MethodId::ConnectionStartOk,
        20 => MethodId::ConnectionSecure,
        21 => MethodId::ConnectionSecureOk,
        30 => MethodId::ConnectionTune,
        31 => MethodId::ConnectionTuneOk,
        40 => MethodId::ConnectionOpen,
        41 => MethodId::ConnectionOpenOk,
        50 => MethodId::ConnectionClose,
        51 => MethodId::ConnectionCloseOk,
        60 => MethodId::ConnectionBlocked,
        61 => MethodId::ConnectionUnblocked,
        70 => MethodId::ConnectionUpdateSecret,
        71 => MethodId::ConnectionUpdateSecretOk,
        _ => return None,
    })
}

const fn channel(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::ChannelOpen,
        11 => MethodId::ChannelOpenOk,
        20 => MethodId::ChannelFlow,
        21 => MethodId::ChannelFlowOk,
        40 => MethodId::ChannelClose,
        41 => MethodId::ChannelCloseOk,
        _ => return None,
    })
}

const fn access(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::AccessRequest,
        11 => MethodId::AccessRequestOk,
        _ => return None,
    })
}

const fn exchange(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::ExchangeDeclare,
        11 => MethodId::ExchangeDeclareOk,
        20 => MethodId::ExchangeDelete,
        21 => MethodId::ExchangeDeleteOk,
        30 => MethodId::ExchangeBind,
        31 => MethodId::ExchangeBindOk,
        40 => MethodId::ExchangeUnbind,
        51 => MethodId::ExchangeUnbindOk,
        _ => return None,
    })
}

const fn queue(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::QueueDeclare,
        11 => MethodId::QueueDeclareOk,
        20 => MethodId::QueueBind,
        21 => MethodId::QueueBindOk,
        30 => MethodId::QueuePurge,
        31 => MethodId::QueuePurgeOk,
        40 => MethodId::QueueDelete,
        41 => MethodId::QueueDeleteOk,
        50 => MethodId::QueueUnbind,
        51 => MethodId::QueueUnbindOk,
        _ => return None,
    })
}

const fn basic(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::BasicQos,
        11 => MethodId::BasicQosOk,
        20 => MethodId::BasicConsume,
        21 => MethodId::BasicConsumeOk,
        30 => MethodId::BasicCancel,
        31 => MethodId::BasicCancelOk,
        40 => MethodId::BasicPublish,
        50 => MethodId::BasicReturn,
        60 => MethodId::BasicDeliver,
        70 => MethodId::BasicGet,
        71 => MethodId::BasicGetOk,
        72 => MethodId::BasicGetEmpty,
        80 => MethodId::BasicAck,
        90 => MethodId::BasicReject,
        100 => MethodId::BasicRecoverAsync,
        110 => MethodId::BasicRecover,
        111 => MethodId::BasicRecoverOk,
        120 => MethodId::BasicNack,
        _ => return None,
    })
}

const fn confirm(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::ConfirmSelect,
        11 => MethodId::ConfirmSelectOk,
        _ => return None,
    })
}

const fn tx(method_id: u16) -> Option<MethodId> {
    Some(match method_id {
        10 => MethodId::TxSelect,
        11 => MethodId::TxSelectOk,
        20 => MethodId::TxCommit,
        21 => MethodId::TxCommitOk,
        30 => MethodId::TxRollback,
        31 => MethodId::TxRollbackOk,
        _ => return None,
    })
}
