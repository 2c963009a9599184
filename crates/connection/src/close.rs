//! Why a channel or a connection ended, and the texts it is said in.

use alloc::string::ToString;
use core::fmt;

use warrener_codec::method::{channel, connection};
use warrener_codec::{MethodId, ReplyCode, ShortRef, ShortStr};

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// This machine, which found the peer breaking a rule, or gone.
    Library,
    /// The host, with [`close`](crate::Connection::close) or [`close_channel`](crate::Connection::close_channel).
    Local,
    /// The peer.
    Peer,
}

/// Why a channel or a connection ended: what channel.close and connection.close say, and who began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Who began.
    pub by: Initiator,
    /// Why; 0 when the stream just ended, or the peer was silent for too long.
    pub code: ReplyCode,
    /// Why, in words.
    pub text: ShortStr,
    /// The class of the method to blame; 0 when there is none.
    pub class_id: u16,
    /// The method to blame; 0 when there is none.
    pub method_id: u16,
}

impl Close {
    /// The host's wish to end with this code and explanation; the text becomes `NAME - explanation`, cut where it
    /// would not fit.
    #[must_use]
    pub fn new(code: ReplyCode, explanation: impl fmt::Display) -> Self {
        let text = reply_text(code, explanation);
        Self { by: Initiator::Local, code, text, class_id: 0, method_id: 0 }
    }

    /// The host's wish to end because all is done: 200 and `Goodbye`.
    #[must_use]
    pub fn goodbye() -> Self {
        Self {
            by: Initiator::Local,
            code: ReplyCode::REPLY_SUCCESS,
            text: ShortStr::from_static("Goodbye"),
            class_id: 0,
            method_id: 0,
        }
    }

    /// The same, with a method to blame, such as `Some(method.ids())`.
    #[must_use]
    pub fn blaming(mut self, ids: Option<(u16, u16)>) -> Self {
        (self.class_id, self.method_id) = ids.unwrap_or((0, 0));
        self
    }

    /// The name of the method to blame, when there is one.
    #[must_use]
    pub fn method_name(&self) -> Option<&'static str> {
        MethodId::from_ids(self.class_id, self.method_id).map(MethodId::name)
    }

    /// An end about which nothing is said to the peer: no AMQP code fits it, so the code is 0.
    pub(crate) fn unsaid(explanation: impl fmt::Display) -> Self {
        Self {
            by: Initiator::Library,
            code: ReplyCode(0),
            text: ShortStr::truncated(&explanation.to_string()),
            class_id: 0,
            method_id: 0,
        }
    }

    /// What close-ok stands for, where the half that read it does not know what was said.
    pub(crate) fn answered() -> Self {
        let (by, code) = (Initiator::Local, ReplyCode::REPLY_SUCCESS);
        Self { by, code, text: ShortStr::EMPTY, class_id: 0, method_id: 0 }
    }

    /// Whether the peer is to hear it.
    pub(crate) fn is_said(&self) -> bool {
        self.code != ReplyCode(0)
    }

    pub(crate) fn by(mut self, by: Initiator) -> Self {
        self.by = by;
        self
    }

    pub(crate) fn to_channel_close(&self) -> channel::Close {
        channel::Close {
            reply_code: self.code,
            reply_text: self.text.clone(),
            class_id: self.class_id,
            method_id: self.method_id,
        }
    }

    pub(crate) fn to_connection_close(&self) -> connection::Close {
        connection::Close {
            reply_code: self.code,
            reply_text: self.text.clone(),
            class_id: self.class_id,
            method_id: self.method_id,
        }
    }
}

impl From<channel::Close> for Close {
    fn from(close: channel::Close) -> Self {
        let channel::Close { reply_code, reply_text, class_id, method_id } = close;
        Self { by: Initiator::Peer, code: reply_code, text: reply_text, class_id, method_id }
    }
}

impl From<connection::Close> for Close {
    fn from(close: connection::Close) -> Self {
        let connection::Close { reply_code, reply_text, class_id, method_id } = close;
        Self { by: Initiator::Peer, code: reply_code, text: reply_text, class_id, method_id }
    }
}

/// `404: NOT_FOUND - no queue 'q' in vhost '/' (queue.declare)`
impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.number(), self.text)?;
        match self.method_name() {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// `NAME - explanation` as a short string: what passes 255 octets ends in `...`, cut between characters.
fn reply_text(code: ReplyCode, explanation: impl fmt::Display) -> ShortStr {
    const CUT: &str = "...";
    let mut text = alloc::format!("{} - {explanation}", code.name());
    if text.len() > ShortRef::MAX_LEN {
        let room = ShortRef::MAX_LEN - CUT.len();
        text.truncate(boundary_before(&text, room));
        text.push_str(CUT);
    }
    ShortStr::truncated(&text)
}

fn boundary_before(text: &str, mut index: usize) -> usize {
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_begin_with_the_codes_name() {
        let close = Close::new(ReplyCode::NOT_FOUND, "no queue 'q' in vhost '/'");
        assert_eq!(close.text, "NOT_FOUND - no queue 'q' in vhost '/'");
        assert_eq!((close.class_id, close.method_id), (0, 0));
        let blamed = close.blaming(Some((50, 10)));
        assert_eq!(
            blamed.to_string(),
            "404: NOT_FOUND - no queue 'q' in vhost '/' (queue.declare)"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_say_so() {
        for padding in 0..4 {
            let name = alloc::format!("{}{}", "x".repeat(padding), "é🦀".repeat(100));
            let close = Close::new(ReplyCode::NOT_FOUND, name);
            let text = close.text.as_str().expect("cut between characters");
            assert!(text.len() > 250 && text.len() <= 255, "{}", text.len());
            assert!(text.ends_with("..."));
        }
    }
}
