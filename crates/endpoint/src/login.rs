//! Questions to the host: who is this?

use alloc::boxed::Box;

use warrener_codec::{LongStr, ShortStr};
use warrener_connection::{Authenticate, Secret};

/// What only the host can tell, now or later; nothing is read from the client until it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A client wants to log in.
    Login(Box<Authenticate>),
    /// A client answered a challenge.
    Response(Secret),
}

/// The host's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is this user.
    Accept {
        /// The user's name, which need not be the one the client gave.
        user: ShortStr,
    },
    /// The mechanism needs another round.
    Challenge(LongStr),
    /// It may not log in. The client learns no reason.
    Refuse,
}
