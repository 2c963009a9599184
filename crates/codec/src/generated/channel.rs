//! Class channel, number 20. Opening and closing a channel (AMQP 0-9-1 §1.5).

// Written by tests/generated from methods.txt. Change that, not this.

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};
use crate::{ReplyCode, ShortStr};

/// channel.flow: Asks the other side to stop or go on sending content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Whether to send.
    pub active: bool,
}

impl Flow {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let bits = arguments.octet()?;
        let active = bits & 1 != 0;
        Ok(Self { active })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u8(u8::from(self.active));
    }
}

/// channel.flow-ok: The flow was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowOk {
    /// Whether content is sent now.
    pub active: bool,
}

impl FlowOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let bits = arguments.octet()?;
        let active = bits & 1 != 0;
        Ok(Self { active })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u8(u8::from(self.active));
    }
}

/// channel.close: Either side ends the channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub reply_code: ReplyCode,
    /// Why, in words.
    pub reply_text: ShortStr,
    /// The class of the method to blame; 0 when there is none.
    pub class_id: u16,
    /// The method to blame; 0 when there is none.
    pub method_id: u16,
}

impl Close {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let reply_code = arguments.reply_code()?;
        let reply_text = arguments.short_str()?;
        let class_id = arguments.short()?;
        let method_id = arguments.short()?;
        Ok(Self { reply_code, reply_text, class_id, method_id })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        7 + self.reply_text.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.reply_code.0);
        self.reply_text.as_short_ref().encode(out);
        out.put_u16(self.class_id);
        out.put_u16(self.method_id);
    }
}
