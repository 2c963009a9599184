//! What was declared, so that it can be declared again.

use warrener_codec::method::{exchange, queue};
use warrener_codec::{Method, ShortStr};

use crate::{Connection, Error};

/// Exchanges, queues and bindings in the order in which they were declared.
#[derive(Clone, Debug, Default)]
pub(super) struct Topology {
    exchanges: Vec<exchange::Declare>,
    queues: Vec<Queue>,
    bindings: Vec<Method>,
}

#[derive(Clone, Debug)]
struct Queue {
    declare: queue::Declare,
    /// What users know it by: the name that it had at first.
    name: ShortStr,
    /// What it is called now: a broker makes up another name each time.
    current: ShortStr,
}

impl Topology {
    /// A request was answered.
    pub(super) fn handle_done(&mut self, request: &Method, reply: &Method) {
        match request {
            Method::ExchangeDeclare(declare) if !declare.passive => {
                self.exchanges.retain(|known| known.exchange != declare.exchange);
                self.exchanges.push((**declare).clone());
            }
            Method::ExchangeDelete(delete) => self.forget_exchange(&delete.exchange),
            Method::QueueDeclare(declare) if !declare.passive => self.declared(declare, reply),
            Method::QueueDelete(delete) => self.forget_queue(&delete.queue),
            Method::QueueBind(_) | Method::ExchangeBind(_) => {
                self.bindings.retain(|known| known != request);
                self.bindings.push(request.clone());
            }
            Method::QueueUnbind(unbind) => self.bindings.retain(|known| {
                !matches!(known, Method::QueueBind(bind) if bind.queue == unbind.queue
                    && bind.exchange == unbind.exchange
                    && bind.routing_key == unbind.routing_key
                    && bind.arguments == unbind.arguments)
            }),
            Method::ExchangeUnbind(unbind) => self.bindings.retain(|known| {
                !matches!(known, Method::ExchangeBind(bind) if bind.destination == unbind.destination
                    && bind.source == unbind.source
                    && bind.routing_key == unbind.routing_key
                    && bind.arguments == unbind.arguments)
            }),
            _ => {}
        }
    }

    /// What a queue is called now.
    pub(super) fn current(&self, name: &ShortStr) -> ShortStr {
        let queue = self.queues.iter().find(|queue| queue.name == *name);
        queue.map_or_else(|| name.clone(), |queue| queue.current.clone())
    }

    /// The same request, with the name that its queue has now.
    pub(super) fn translated(&self, mut request: Method) -> Method {
        match &mut request {
            Method::QueueBind(bind) => bind.queue = self.current(&bind.queue),
            Method::QueueUnbind(unbind) => unbind.queue = self.current(&unbind.queue),
            Method::QueuePurge(purge) => purge.queue = self.current(&purge.queue),
            Method::QueueDelete(delete) => delete.queue = self.current(&delete.queue),
            _ => {}
        }
        request
    }

    /// Declares everything on a new connection; gives the queues whose names are others now.
    pub(super) async fn declare_on(
        &self,
        connection: &Connection,
    ) -> Result<Vec<(ShortStr, ShortStr)>, Error> {
        if self.exchanges.is_empty() && self.queues.is_empty() && self.bindings.is_empty() {
            return Ok(Vec::new());
        }
        let channel = connection.channel().await?;
        for declare in &self.exchanges {
            channel.call(declare.clone()).await?;
        }
        let mut renamed = Vec::new();
        for queue in &self.queues {
            let declared = channel.call(queue.declare.clone()).await?;
            renamed.push((queue.name.clone(), declared.queue));
        }
        let mut now = self.clone();
        now.rename(&renamed);
        for binding in &self.bindings {
            channel.request(now.translated(binding.clone())).await?;
        }
        channel.close().await?;
        Ok(renamed)
    }

    pub(super) fn rename(&mut self, renamed: &[(ShortStr, ShortStr)]) {
        for (name, current) in renamed {
            if let Some(queue) = self.queues.iter_mut().find(|queue| queue.name == *name) {
                queue.current = current.clone();
            }
        }
    }

    fn declared(&mut self, declare: &queue::Declare, reply: &Method) {
        let Method::QueueDeclareOk(declared) = reply else { return };
        self.queues.retain(|known| known.name != declared.queue);
        self.queues.push(Queue {
            declare: declare.clone(),
            name: declared.queue.clone(),
            current: declared.queue.clone(),
        });
    }

    fn forget_exchange(&mut self, name: &ShortStr) {
        self.exchanges.retain(|known| known.exchange != *name);
        self.bindings.retain(|known| match known {
            Method::QueueBind(bind) => bind.exchange != *name,
            Method::ExchangeBind(bind) => bind.source != *name && bind.destination != *name,
            _ => true,
        });
    }

    fn forget_queue(&mut self, name: &ShortStr) {
        self.queues.retain(|known| known.name != *name);
        self.bindings
            .retain(|known| !matches!(known, Method::QueueBind(bind) if bind.queue == *name));
    }
}
