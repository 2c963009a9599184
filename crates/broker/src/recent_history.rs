//! Exchanges of type `x-recent-history` (RabbitMQ extension): the last messages are kept, and whoever is bound gets them
//! first.

use alloc::vec::Vec;

use warrener_codec::{Properties, Value};
use warrener_queue::{Position, Seq, State};
use warrener_router::{ExchangeId, Target};
use warrener_time::Time;

use crate::effect::Effect;
use crate::fan_out::{AT_ONCE, Origin};
use crate::id::{MessageId, QueueId, VhostId};
use crate::publish::{Exchange, Publication};
use crate::realm::{Happened, Realm};

/// Whether an exchange is to keep this message; its sender may forbid it.
pub(crate) fn is_kept(properties: &Properties) -> bool {
    const NO_STORE: &str = "x-recent-history-no-store";
    let forbidden = properties.headers().and_then(|headers| headers.get(NO_STORE));
    forbidden != Some(Value::Bool(true))
}

impl Realm {
    /// Something was bound to an exchange: if that remembers, what it remembers is to follow.
    pub(crate) fn remember_to(
        &mut self,
        vhost: VhostId,
        source: ExchangeId,
        target: Target<QueueId>,
    ) {
        let keeper = self.vhosts[vhost].exchange_at(source).and_then(|own| own.keeper);
        let Some(id) = keeper else { return };
        let keeper = self.queue(id).keeper;
        if keeper == Some(crate::keeper::Keeper::Remembers(source)) {
            let upto = self.queue(id).queue.last_seq();
            self.happened.push_back((id, Happened::Asked { target, after: None, upto }));
        }
    }

    /// Sends what an exchange remembers to what was bound to it, the oldest first; what is too much for now stays first in
    /// line.
    pub(crate) fn replay_history(
        &mut self,
        now: Time,
        id: QueueId,
        (target, after, upto): (Target<QueueId>, Option<Position>, Seq),
        out: &mut Vec<Effect>,
    ) {
        let Some(slot) = self.queues.get(id) else { return };
        let vhost = slot.vhost;
        let kept =
            slot.queue.ready(after).take_while(|look| look.seq <= upto).take(REPLAYED_AT_ONCE);
        let kept: Vec<(MessageId, State)> = kept.map(|look| (*look.handle, look.state)).collect();
        let mut is_done = kept.len() < REPLAYED_AT_ONCE;
        let mut last = None;
        for (message, state) in kept {
            // An exchange may lead each of them to very many queues; but one is sent in any case.
            if last.is_some() && self.effort.is_spent(out.len()) {
                is_done = false;
                break;
            }
            last = Some(state);
            if self.messages.find(message).is_none() {
                continue;
            }
            let new = self.messages.whole(message).new.clone();
            let mut targets = Vec::new();
            match target {
                Target::Destination(queue) => targets.push(queue),
                Target::Exchange(exchange) => {
                    // Nobody published it just now who could be told that it takes too many steps.
                    let _ = self.route(vhost, Exchange::Named(exchange), &new, &mut targets);
                }
            }
            if targets.len() > AT_ONCE {
                self.begin_fan_out(new, &targets, false, Origin::Nobody);
                continue;
            }
            let publication =
                Publication { new: &mut Some(new), targets: &targets, awaited: false };
            let taken = self.take_in(now, publication, out);
            self.shelve(taken.message, taken.first);
        }
        if let Some(State::Ready(last)) = last.filter(|_| !is_done) {
            let rest = Happened::Asked { target, after: Some(last), upto };
            self.happened.push_front((id, rest));
        }
    }
}

/// How many messages are replayed before the turn is asked whether it has done enough.
const REPLAYED_AT_ONCE: usize = 64;
