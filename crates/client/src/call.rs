//! Requests and their replies, in pairs.

use warrener_codec::Method;
use warrener_codec::method::{basic, confirm, exchange, queue};

use crate::Error;

mod sealed {
    #[expect(unnameable_types, reason = "that is what seals a trait")]
    pub trait Sealed {}
}

/// A request that the broker answers: [`Channel::call`](crate::Channel::call) sends it and waits for [`Call::Reply`].
///
/// Sealed: the pairs are those of AMQP 0-9-1 §1.6–1.9 and of RabbitMQ's extensions. A `no_wait` bit is switched off,
/// since somebody waits.
pub trait Call: sealed::Sealed + Sized {
    /// What the broker answers.
    type Reply;

    #[doc(hidden)]
    fn into_method(self) -> Method;

    #[doc(hidden)]
    fn reply(method: Method) -> Result<Self::Reply, Error>;
}

/// `request { its no-wait bit } => the reply's arm`, with the reply's value where it carries one.
macro_rules! calls {
    ($($request:ty { $($no_wait:ident)? } => $arm:ident $(($reply:ty))?;)*) => {$(
        impl sealed::Sealed for $request {}

        impl Call for $request {
            type Reply = calls!(@type $($reply)?);

            fn into_method(self) -> Method {
                calls!(@answered self $($no_wait)?).into()
            }

            fn reply(method: Method) -> Result<Self::Reply, Error> {
                match method {
                    calls!(@pattern $arm reply $(($reply))?) => Ok(calls!(@value reply $(($reply))?)),
                    other => Err(Error::UnexpectedReply(other.name())),
                }
            }
        }
    )*};
    (@answered $this:ident $no_wait:ident) => {{
        let mut request = $this;
        request.$no_wait = false;
        request
    }};
    (@answered $this:ident) => { $this };
    (@type $reply:ty) => { $reply };
    (@type) => { () };
    (@pattern $arm:ident $bound:ident ($reply:ty)) => { Method::$arm($bound) };
    (@pattern $arm:ident $bound:ident) => { Method::$arm };
    (@value $bound:ident ($reply:ty)) => { $bound };
    (@value $bound:ident) => { () };
}

calls! {
    exchange::Declare { no_wait } => ExchangeDeclareOk;
    exchange::Delete { no_wait } => ExchangeDeleteOk;
    exchange::Bind { no_wait } => ExchangeBindOk;
    exchange::Unbind { no_wait } => ExchangeUnbindOk;
    queue::Declare { no_wait } => QueueDeclareOk(queue::DeclareOk);
    queue::Bind { no_wait } => QueueBindOk;
    queue::Unbind {} => QueueUnbindOk;
    queue::Purge { no_wait } => QueuePurgeOk(queue::PurgeOk);
    queue::Delete { no_wait } => QueueDeleteOk(queue::DeleteOk);
    basic::Qos {} => BasicQosOk;
    basic::Recover {} => BasicRecoverOk;
    confirm::Select { no_wait } => ConfirmSelectOk;
}
