//! What users let go of without a word, for the driver to tidy up.

use warrener_codec::{ChannelId, ShortStr};

/// Sent by `drop`, which cannot wait. There is at most one for each channel, consumer and basic.get, so they are few.
#[derive(Debug)]
pub(crate) enum Abandoned {
    /// Nobody holds the channel any more.
    Channel(ChannelKey),
    /// The consumer is not read any more; these deliveries were never looked at.
    Consumer(ChannelKey, ShortStr, Vec<u64>),
    /// Nobody waits for this message any more, which answers a basic.get.
    Delivery(ChannelKey, u64),
}

/// A channel number, and which of the channels that ever had this number is meant: numbers are used again, and a
/// handle of a closed channel must not speak on its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelKey {
    pub(crate) id: ChannelId,
    pub(crate) incarnation: u64,
}
