//! What both sides agree on before a connection opens: how many channels, how large a frame, how often a heartbeat.

use alloc::string::String;
use alloc::{format, string::ToString};
use core::time::Duration;

/// The smallest `frame_max` either side may ask for, in octets (AMQP 0-9-1 §4.2.3, `frame-min-size`).
pub const FRAME_MIN_BYTES: u32 = 4096;

/// The three numbers of connection.tune and connection.tune-ok (AMQP 0-9-1 §1.4.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tune {
    /// The highest channel number; 0 in an offer means no limit.
    pub channel_max: u16,
    /// The largest whole frame in octets; 0 means no limit.
    pub frame_max: u32,
    /// Seconds between heartbeats; 0 means none.
    pub heartbeat_s: u16,
}

impl Tune {
    /// What RabbitMQ offers: 2,047 channels, 128 KiB frames, a heartbeat a minute.
    pub const DEFAULT: Self = Self { channel_max: 2047, frame_max: 131_072, heartbeat_s: 60 };

    /// The heartbeat interval, or `None` when there is none.
    #[must_use]
    pub const fn heartbeat(&self) -> Option<Duration> {
        match self.heartbeat_s {
            0 => None,
            seconds => Some(Duration::from_secs(seconds as u64)),
        }
    }
}

impl Default for Tune {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a client would like. The server's offer bounds the first two; the last is the client's to say
/// (RabbitMQ extension: a client's tune-ok wins).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) channel_max: u16,
    pub(crate) frame_max: u32,
    pub(crate) heartbeat_s: Option<u16>,
}

/// The client's answer to an offer: the lower bound of both sides, where 0 is no bound.
///
/// `Err` is the explanation the server deserves.
pub(crate) fn answer(wish: Wish, offer: Tune) -> Result<Tune, String> {
    if offer.frame_max != 0 && offer.frame_max < FRAME_MIN_BYTES {
        return Err(too_low(offer.frame_max));
    }
    Ok(Tune {
        channel_max: channels(lower(wish.channel_max.into(), offer.channel_max.into())),
        frame_max: lower(wish.frame_max, offer.frame_max),
        heartbeat_s: wish.heartbeat_s.unwrap_or(offer.heartbeat_s),
    })
}

/// What the server makes of a client's tune-ok. A client that says 0 where the server has a limit gets the limit:
/// some old clients mean "as you say" by it. (RabbitMQ refuses them.)
///
/// `Err` is the explanation the client deserves, in RabbitMQ's words.
pub(crate) fn settle(offer: Tune, answer: Tune) -> Result<Tune, String> {
    let frame_max = lower(offer.frame_max, answer.frame_max);
    if answer.frame_max != 0 && answer.frame_max < FRAME_MIN_BYTES {
        return Err(too_low(answer.frame_max));
    }
    if frame_max < answer.frame_max {
        return Err(too_high("frame_max", answer.frame_max, offer.frame_max));
    }
    let channel_max = lower(offer.channel_max.into(), answer.channel_max.into());
    if channel_max < answer.channel_max.into() {
        return Err(too_high("channel_max", answer.channel_max, offer.channel_max));
    }
    Ok(Tune { channel_max: channels(channel_max), frame_max, heartbeat_s: answer.heartbeat_s })
}

/// The lower of two bounds, where 0 is none.
fn lower(ours: u32, theirs: u32) -> u32 {
    match (ours, theirs) {
        (0, bound) | (bound, 0) => bound,
        (ours, theirs) => ours.min(theirs),
    }
}

/// Without a bound, the numbers themselves end at 65,535.
fn channels(bound: u32) -> u16 {
    match u16::try_from(bound) {
        Ok(0) | Err(_) => u16::MAX,
        Ok(bound) => bound,
    }
}

fn too_low(value: u32) -> String {
    format!(
        "negotiated frame_max = {value} is lower than the minimum allowed value ({FRAME_MIN_BYTES})"
    )
}

fn too_high(field: &str, value: impl ToString, max: impl ToString) -> String {
    let (value, max) = (value.to_string(), max.to_string());
    format!("negotiated {field} = {value} is higher than the maximum allowed value ({max})")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: Tune = Tune { channel_max: 2047, frame_max: 131_072, heartbeat_s: 60 };

    fn tune(channel_max: u16, frame_max: u32, heartbeat_s: u16) -> Tune {
        Tune { channel_max, frame_max, heartbeat_s }
    }

    fn wish(channel_max: u16, frame_max: u32, heartbeat_s: Option<u16>) -> Wish {
        Wish { channel_max, frame_max, heartbeat_s }
    }

    #[test]
    fn a_client_takes_the_lower_bound_and_says_the_heartbeat() {
        assert_eq!(answer(wish(10, 4096, Some(5)), OFFER), Ok(tune(10, 4096, 5)));
        assert_eq!(answer(wish(0, 0, None), OFFER), Ok(OFFER));
        assert_eq!(answer(wish(0, 0, Some(0)), tune(0, 0, 60)), Ok(tune(u16::MAX, 0, 0)));
        assert_eq!(answer(wish(5000, 1 << 20, Some(90)), OFFER), Ok(tune(2047, 131_072, 90)));
    }

    #[test]
    fn a_client_refuses_frames_below_the_minimum() {
        assert!(answer(wish(0, 0, None), tune(0, 4095, 0)).is_err());
    }

    #[test]
    fn a_server_takes_any_answer_within_its_offer() {
        assert_eq!(settle(OFFER, tune(1, 4096, 0)), Ok(tune(1, 4096, 0)));
        assert_eq!(settle(OFFER, tune(0, 0, 600)), Ok(tune(2047, 131_072, 600)));
        assert_eq!(settle(tune(0, 0, 0), tune(0, 0, 0)), Ok(tune(u16::MAX, 0, 0)));
        assert_eq!(settle(tune(0, 0, 0), tune(9, 1 << 30, 0)), Ok(tune(9, 1 << 30, 0)));
    }

    #[test]
    fn a_server_refuses_what_passes_its_offer_in_rabbitmqs_words() {
        let refused = |channel_max, frame_max| {
            settle(OFFER, tune(channel_max, frame_max, 60)).expect_err("out of bounds")
        };
        assert_eq!(
            refused(2048, 0),
            "negotiated channel_max = 2048 is higher than the maximum allowed value (2047)"
        );
        assert_eq!(
            refused(0, 131_073),
            "negotiated frame_max = 131073 is higher than the maximum allowed value (131072)"
        );
        assert_eq!(
            refused(0, 4095),
            "negotiated frame_max = 4095 is lower than the minimum allowed value (4096)"
        );
    }
}
