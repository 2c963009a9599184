//! A publisher does not run far ahead of the consumers it feeds.
//!
//! Publishing costs a client less than consuming, so on a busy machine producers take the time that consumers need, and
//! messages wait in queues that would have been handed out at once: each is copied, kept and found again. Therefore a
//! connection whose messages went to sockets that are all full is read again when one of them has room, or after a moment.
//! The moment is short, and there are not many of them in a row, so a consumer that does not read holds up nobody.

use std::sync::{Arc, Weak};

use crate::limits::{HEADWAY_LOST, HEADWAY_PAUSE, HEADWAY_PAUSES};
use crate::link::Link;

/// What a turn gave to connections other than its own.
#[derive(Debug, Default)]
pub(crate) enum Handed {
    /// Nothing.
    #[default]
    Nothing,
    /// Something that a socket took.
    Taken,
    /// Something that no socket took; this is one of them.
    Stuck(Arc<Link>),
}

/// The consumer that a publisher is ahead of.
#[derive(Debug, Default)]
pub(crate) struct Headway {
    /// It may be gone meanwhile, and what it held with it.
    ahead_of: Option<Weak<Link>>,
    /// How many pauses there were since something was handed to that consumer.
    pauses: u16,
    /// How many of the last ones brought nothing.
    lost: u16,
}

impl Handed {
    /// The link was written to; whether it took all.
    pub(crate) fn add(&mut self, link: &Arc<Link>, took_all: bool) {
        match self {
            _ if took_all => *self = Self::Taken,
            Self::Nothing => *self = Self::Stuck(Arc::clone(link)),
            Self::Taken | Self::Stuck(_) => {}
        }
    }
}

impl Headway {
    /// The publisher's turn handed this out.
    pub(crate) fn note(&mut self, handed: Handed) {
        match handed {
            // What was published waits behind what was there before, or is for somebody else.
            Handed::Nothing => {}
            Handed::Taken => self.ahead_of = None,
            Handed::Stuck(link) => {
                self.pauses = 0;
                let link = Arc::downgrade(&link);
                if self.ahead_of.as_ref().is_none_or(|known| !known.ptr_eq(&link)) {
                    (self.ahead_of, self.lost) = (Some(link), 0);
                }
            }
        }
    }

    /// Whether the publisher is to pause.
    pub(crate) fn is_ahead(&mut self) -> bool {
        let Some(link) = self.consumer() else {
            self.ahead_of = None;
            return false;
        };
        if self.pauses < HEADWAY_PAUSES && self.lost < HEADWAY_LOST && link.is_behind() {
            return true;
        }
        // A consumer that reads nothing is remembered, so that its next full socket is no reason to pause again.
        if self.lost < HEADWAY_LOST || !link.is_behind() {
            self.ahead_of = None;
        }
        false
    }

    /// Waits until the consumer has caught up, or a moment.
    pub(crate) async fn pause(&mut self) {
        let Some(link) = self.consumer() else { return };
        self.pauses += 1;
        match tokio::time::timeout(HEADWAY_PAUSE, link.caught_up()).await {
            Ok(()) => self.lost = 0,
            Err(_) => self.lost += 1,
        }
    }

    fn consumer(&self) -> Option<Arc<Link>> {
        self.ahead_of.as_ref().and_then(Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};
    use warrener_broker::ConnectionId;
    use warrener_codec::ShortStr;
    use warrener_connection::ServerConfig;
    use warrener_endpoint::Endpoint;
    use warrener_time::Time;

    use super::*;
    use crate::stream::split;

    /// A consumer whose socket did not take all, and the other end of that socket.
    async fn consumer(number: u64) -> (Arc<Link>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (id, greeting) = (ConnectionId(number), ServerConfig::default());
        let endpoint = Endpoint::new(id, ShortStr::EMPTY, greeting, Time::from_secs(1));
        let (_, write) = split(near.unwrap(), None);
        let link = Arc::new(Link::new(endpoint, write, Arc::default()));
        link.fall_behind();
        (link, far.unwrap().0)
    }

    fn stuck(link: &Arc<Link>) -> Handed {
        let mut handed = Handed::default();
        handed.add(link, false);
        handed
    }

    #[tokio::test]
    async fn a_publisher_goes_on_when_the_consumer_has_caught_up() {
        let (link, _far) = consumer(1).await;
        let mut headway = Headway::default();
        assert!(!headway.is_ahead(), "it has fed nobody");
        headway.note(stuck(&link));
        assert!(headway.is_ahead());
        let writes = async {
            tokio::task::yield_now().await;
            link.write(None);
        };
        tokio::join!(headway.pause(), writes);
        assert!(!headway.is_ahead());
    }

    #[tokio::test]
    async fn a_consumer_that_does_not_read_holds_a_publisher_up_for_a_few_moments_only() {
        let (link, _far) = consumer(1).await;
        let mut headway = Headway::default();
        let mut pauses = 0;
        for _ in 0..100 {
            headway.note(stuck(&link));
            if headway.is_ahead() {
                headway.pause().await;
                pauses += 1;
            }
        }
        assert_eq!(pauses, HEADWAY_LOST);
        link.write(None);
        assert!(!headway.is_ahead());
        link.fall_behind();
        headway.note(stuck(&link));
        assert!(headway.is_ahead(), "it has read since, and counts again");
    }

    #[tokio::test]
    async fn a_consumer_that_is_gone_is_not_kept_and_not_waited_for() {
        let (link, _far) = consumer(1).await;
        let mut headway = Headway::default();
        headway.note(stuck(&link));
        assert!(headway.is_ahead());
        assert_eq!(Arc::strong_count(&link), 1);
        drop(link);
        assert!(!headway.is_ahead());
    }

    #[tokio::test]
    async fn one_consumer_that_takes_all_is_enough_to_go_on() {
        let ((slow, _slow), (quick, _quick)) = (consumer(1).await, consumer(2).await);
        let mut headway = Headway::default();
        headway.note(stuck(&slow));
        headway.note(Handed::Nothing);
        assert!(headway.is_ahead(), "what was published waits behind what was there before");
        for took_all in [[true, false], [false, true]] {
            let mut handed = Handed::default();
            handed.add(&quick, took_all[0]);
            handed.add(&slow, took_all[1]);
            headway.note(handed);
            assert!(!headway.is_ahead());
        }
    }
}
