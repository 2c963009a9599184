//! Every method with arguments is a `Method`.

// Written by tests/generated from methods.txt. Change that, not this.

use alloc::boxed::Box;

use crate::Method;
use crate::method::{access, basic, channel, confirm, connection, exchange, queue};

impl From<connection::Start> for Method {
    fn from(method: connection::Start) -> Self {
        Self::ConnectionStart(Box::new(method))
    }
}

impl From<connection::StartOk> for Method {
    fn from(method: connection::StartOk) -> Self {
        Self::ConnectionStartOk(Box::new(method))
    }
}

impl From<connection::Secure> for Method {
    fn from(method: connection::Secure) -> Self {
        Self::ConnectionSecure(method)
    }
}

impl From<connection::SecureOk> for Method {
    fn from(method: connection::SecureOk) -> Self {
        Self::ConnectionSecureOk(method)
    }
}

impl From<connection::Tune> for Method {
    fn from(method: connection::Tune) -> Self {
        Self::ConnectionTune(method)
    }
}

impl From<connection::TuneOk> for Method {
    fn from(method: connection::TuneOk) -> Self {
        Self::ConnectionTuneOk(method)
    }
}

impl From<connection::Open> for Method {
    fn from(method: connection::Open) -> Self {
        Self::ConnectionOpen(method)
    }
}

impl From<connection::Close> for Method {
    fn from(method: connection::Close) -> Self {
        Self::ConnectionClose(method)
    }
}

impl From<connection::Blocked> for Method {
    fn from(method: connection::Blocked) -> Self {
        Self::ConnectionBlocked(method)
    }
}

impl From<connection::UpdateSecret> for Method {
    fn from(method: connection::UpdateSecret) -> Self {
        Self::ConnectionUpdateSecret(Box::new(method))
    }
}

impl From<channel::Flow> for Method {
    fn from(method: channel::Flow) -> Self {
        Self::ChannelFlow(method)
    }
}

impl From<channel::FlowOk> for Method {
    fn from(method: channel::FlowOk) -> Self {
        Self::ChannelFlowOk(method)
    }
}

impl From<channel::Close> for Method {
    fn from(method: channel::Close) -> Self {
        Self::ChannelClose(method)
    }
}

impl From<access::Request> for Method {
    fn from(method: access::Request) -> Self {
        Self::AccessRequest(method)
    }
}

impl From<access::RequestOk> for Method {
    fn from(method: access::RequestOk) -> Self {
        Self::AccessRequestOk(method)
    }
}

impl From<exchange::Declare> for Method {
    fn from(method: exchange::Declare) -> Self {
        Self::ExchangeDeclare(Box::new(method))
    }
}

impl From<exchange::Delete> for Method {
    fn from(method: exchange::Delete) -> Self {
        Self::ExchangeDelete(method)
    }
}

impl From<exchange::Bind> for Method {
    fn from(method: exchange::Bind) -> Self {
        Self::ExchangeBind(Box::new(method))
    }
}

impl From<exchange::Unbind> for Method {
    fn from(method: exchange::Unbind) -> Self {
        Self::ExchangeUnbind(Box::new(method))
    }
}

impl From<queue::Declare> for Method {
    fn from(method: queue::Declare) -> Self {
        Self::QueueDeclare(Box::new(method))
    }
}

impl From<queue::DeclareOk> for Method {
    fn from(method: queue::DeclareOk) -> Self {
        Self::QueueDeclareOk(method)
    }
}

impl From<queue::Bind> for Method {
    fn from(method: queue::Bind) -> Self {
        Self::QueueBind(Box::new(method))
    }
}

impl From<queue::Purge> for Method {
    fn from(method: queue::Purge) -> Self {
        Self::QueuePurge(method)
    }
}

impl From<queue::PurgeOk> for Method {
    fn from(method: queue::PurgeOk) -> Self {
        Self::QueuePurgeOk(method)
    }
}

impl From<queue::Delete> for Method {
    fn from(method: queue::Delete) -> Self {
        Self::QueueDelete(method)
    }
}

impl From<queue::DeleteOk> for Method {
    fn from(method: queue::DeleteOk) -> Self {
        Self::QueueDeleteOk(method)
    }
}

impl From<queue::Unbind> for Method {
    fn from(method: queue::Unbind) -> Self {
        Self::QueueUnbind(Box::new(method))
    }
}

impl From<basic::Qos> for Method {
    fn from(method: basic::Qos) -> Self {
        Self::BasicQos(method)
    }
}

impl From<basic::Consume> for Method {
    fn from(method: basic::Consume) -> Self {
        Self::BasicConsume(Box::new(method))
    }
}

impl From<basic::ConsumeOk> for Method {
    fn from(method: basic::ConsumeOk) -> Self {
        Self::BasicConsumeOk(method)
    }
}

impl From<basic::Cancel> for Method {
    fn from(method: basic::Cancel) -> Self {
        Self::BasicCancel(method)
    }
}

impl From<basic::CancelOk> for Method {
    fn from(method: basic::CancelOk) -> Self {
        Self::BasicCancelOk(method)
    }
}

impl From<basic::Publish> for Method {
    fn from(method: basic::Publish) -> Self {
        Self::BasicPublish(method)
    }
}

impl From<basic::Return> for Method {
    fn from(method: basic::Return) -> Self {
        Self::BasicReturn(method)
    }
}

impl From<basic::Deliver> for Method {
    fn from(method: basic::Deliver) -> Self {
        Self::BasicDeliver(method)
    }
}

impl From<basic::Get> for Method {
    fn from(method: basic::Get) -> Self {
        Self::BasicGet(method)
    }
}

impl From<basic::GetOk> for Method {
    fn from(method: basic::GetOk) -> Self {
        Self::BasicGetOk(method)
    }
}

impl From<basic::Ack> for Method {
    fn from(method: basic::Ack) -> Self {
        Self::BasicAck(method)
    }
}

impl From<basic::Reject> for Method {
    fn from(method: basic::Reject) -> Self {
        Self::BasicReject(method)
    }
}

impl From<basic::RecoverAsync> for Method {
    fn from(method: basic::RecoverAsync) -> Self {
        Self::BasicRecoverAsync(method)
    }
}

impl From<basic::Recover> for Method {
    fn from(method: basic::Recover) -> Self {
        Self::BasicRecover(method)
    }
}

impl From<basic::Nack> for Method {
    fn from(method: basic::Nack) -> Self {
        Self::BasicNack(method)
    }
}

impl From<confirm::Select> for Method {
    fn from(method: confirm::Select) -> Self {
        Self::ConfirmSelect(method)
    }
}
