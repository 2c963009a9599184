//! Reply codes: why a channel or a connection was closed, or a message came back.

use core::fmt;

/// A reply code (AMQP 0-9-1 §1.1 constants). Any number may arrive; the ones with a meaning are constants here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyCode(pub u16);

macro_rules! reply_codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal;)*) => {
        impl ReplyCode {
            $($(#[doc = $doc])* pub const $name: Self = Self($code);)*

            /// The name that reply texts begin with, such as `NOT_FOUND`; `UNKNOWN` for a code without one.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                    _ => "UNKNOWN",
                }
            }
        }
    };
}

reply_codes! {
    /// Success: nobody is to blame.
    REPLY_SUCCESS = 200;
    /// Soft: content is too large to be accepted now.
    CONTENT_TOO_LARGE = 311;
    /// Soft: the `mandatory` message had no queue to go to (in basic.return).
    NO_ROUTE = 312;
    /// Soft: the `immediate` message had no consumer ready (in basic.return).
    NO_CONSUMERS = 313;
    /// Soft: no permission for this.
    ACCESS_REFUSED = 403;
    /// Soft: no such queue, exchange, or virtual host.
    NOT_FOUND = 404;
    /// Soft: somebody else has it exclusively.
    RESOURCE_LOCKED = 405;
    /// Soft: it exists with other properties, or is in use.
    PRECONDITION_FAILED = 406;
    /// Hard: an operator closed the connection.
    CONNECTION_FORCED = 320;
    /// Hard: the virtual host's name is not acceptable.
    INVALID_PATH = 402;
    /// Hard: a frame that cannot be decoded.
    FRAME_ERROR = 501;
    /// Hard: a field with an impossible value.
    SYNTAX_ERROR = 502;
    /// Hard: a method that may not come here and now.
    COMMAND_INVALID = 503;
    /// Hard: a channel that is not open, or opened twice.
    CHANNEL_ERROR = 504;
    /// Hard: a frame that may not come here and now.
    UNEXPECTED_FRAME = 505;
    /// Hard: out of some resource.
    RESOURCE_ERROR = 506;
    /// Hard: not permitted to anybody.
    NOT_ALLOWED = 530;
    /// Hard: a method or feature that is not there.
    NOT_IMPLEMENTED = 540;
    /// Hard: the server's own fault.
    INTERNAL_ERROR = 541;
}

impl ReplyCode {
    /// Whether this closes the whole connection rather than one channel (AMQP 0-9-1 §1.2: hard errors).
    #[must_use]
    pub const fn is_hard(self) -> bool {
        matches!(self.0, 320 | 402 | 500..=599)
    }

    /// The code as it is on the wire.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl Default for ReplyCode {
    /// [`ReplyCode::REPLY_SUCCESS`].
    fn default() -> Self {
        Self::REPLY_SUCCESS
    }
}

/// The number and the name: `404 NOT_FOUND`.
impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.name())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    /// AMQP 0-9-1 §1.1: `soft-error` closes the channel, `hard-error` the connection.
    #[test]
    fn hard_errors_are_those_of_the_specification() {
        let hard = [320, 402, 501, 502, 503, 504, 505, 506, 530, 540, 541];
        let soft = [200, 311, 312, 313, 403, 404, 405, 406];
        for (codes, is_hard) in [(&hard[..], true), (&soft[..], false)] {
            for &code in codes {
                assert_eq!(ReplyCode(code).is_hard(), is_hard, "{code}");
                assert_ne!(ReplyCode(code).name(), "UNKNOWN", "{code}");
            }
        }
    }

    #[test]
    fn codes_show_their_number_and_name() {
        assert_eq!(ReplyCode::NOT_FOUND.to_string(), "404 NOT_FOUND");
        assert_eq!(ReplyCode(299).to_string(), "299 UNKNOWN");
        assert_eq!(ReplyCode::default(), ReplyCode::REPLY_SUCCESS);
    }
}
