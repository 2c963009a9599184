//! Class connection, number 10. Opening, tuning and closing a connection (AMQP 0-9-1 §1.4). All of it happens on channel 0.

// Written by tests/generated from methods.txt. Change that, not this.

use bytes::BufMut;

use crate::arguments::{Arguments, Taken};
use crate::{LongStr, ReplyCode, ShortStr, Table};

/// connection.start: The server introduces itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The protocol's major version: 0.
    pub version_major: u8,
    /// The protocol's minor version: 9.
    pub version_minor: u8,
    /// Product, version, platform and capabilities.
    pub server_properties: Table,
    /// SASL mechanisms, separated by spaces.
    pub mechanisms: LongStr,
    /// Locales for reply texts, separated by spaces.
    pub locales: LongStr,
}

impl Start {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let version_major = arguments.octet()?;
        let version_minor = arguments.octet()?;
        let server_properties = arguments.table()?;
        let mechanisms = arguments.long_str()?;
        let locales = arguments.long_str()?;
        Ok(Self { version_major, version_minor, server_properties, mechanisms, locales })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        14 + self.server_properties.as_bytes().len() + self.mechanisms.len() + self.locales.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u8(self.version_major);
        out.put_u8(self.version_minor);
        self.server_properties.encode(out);
        self.mechanisms.encode(out);
        self.locales.encode(out);
    }
}

/// connection.start-ok: The client introduces itself and begins to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartOk {
    /// Product, version, platform and capabilities.
    pub client_properties: Table,
    /// The SASL mechanism it chose.
    pub mechanism: ShortStr,
    /// The mechanism's first response: octets, not text.
    pub response: LongStr,
    /// The locale it chose.
    pub locale: ShortStr,
}

impl StartOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let client_properties = arguments.table()?;
        let mechanism = arguments.short_str()?;
        let response = arguments.long_str()?;
        let locale = arguments.short_str()?;
        Ok(Self { client_properties, mechanism, response, locale })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        10 + self.client_properties.as_bytes().len()
            + self.mechanism.len()
            + self.response.len()
            + self.locale.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.client_properties.encode(out);
        self.mechanism.as_short_ref().encode(out);
        self.response.encode(out);
        self.locale.as_short_ref().encode(out);
    }
}

/// connection.secure: The server asks for more to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secure {
    /// The SASL challenge: octets, not text.
    pub challenge: LongStr,
}

impl Secure {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let challenge = arguments.long_str()?;
        Ok(Self { challenge })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4 + self.challenge.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.challenge.encode(out);
    }
}

/// connection.secure-ok: The client answers a challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecureOk {
    /// The SASL response: octets, not text.
    pub response: LongStr,
}

impl SecureOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let response = arguments.long_str()?;
        Ok(Self { response })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        4 + self.response.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.response.encode(out);
    }
}

/// connection.tune: The server offers limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tune {
    /// The highest channel number; 0 for no limit.
    pub channel_max: u16,
    /// The largest frame in octets, envelope included; 0 for no limit.
    pub frame_max: u32,
    /// The heartbeat's interval in seconds; 0 for none.
    pub heartbeat: u16,
}

impl Tune {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let channel_max = arguments.short()?;
        let frame_max = arguments.long()?;
        let heartbeat = arguments.short()?;
        Ok(Self { channel_max, frame_max, heartbeat })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        8
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.channel_max);
        out.put_u32(self.frame_max);
        out.put_u16(self.heartbeat);
    }
}

/// connection.tune-ok: The client settles the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TuneOk {
    /// The highest channel number; 0 for no limit.
    pub channel_max: u16,
    /// The largest frame in octets, envelope included; 0 for no limit.
    pub frame_max: u32,
    /// The heartbeat's interval in seconds; 0 for none.
    pub heartbeat: u16,
}

impl TuneOk {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let channel_max = arguments.short()?;
        let frame_max = arguments.long()?;
        let heartbeat = arguments.short()?;
        Ok(Self { channel_max, frame_max, heartbeat })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        8
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        out.put_u16(self.channel_max);
        out.put_u32(self.frame_max);
        out.put_u16(self.heartbeat);
    }
}

/// connection.open: The client chooses a virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// The virtual host's name.
    pub virtual_host: ShortStr,
}

impl Open {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let virtual_host = arguments.short_str()?;
        arguments.short_ref()?;
        let _ = arguments.octet()?;
        Ok(Self { virtual_host })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        3 + self.virtual_host.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.virtual_host.as_short_ref().encode(out);
        out.put_u8(0);
        out.put_u8(0);
    }
}

/// connection.close: Either side ends the connection.
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

/// connection.blocked: The server stopped reading publishes. (RabbitMQ extension.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// Which resource ran out.
    pub reason: ShortStr,
}

impl Blocked {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let reason = arguments.short_str()?;
        Ok(Self { reason })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        1 + self.reason.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.reason.as_short_ref().encode(out);
    }
}

/// connection.update-secret: The client renews its password or token. (RabbitMQ extension.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateSecret {
    /// The new secret: octets, not text.
    pub new_secret: LongStr,
    /// Why, for the log.
    pub reason: ShortStr,
}

impl UpdateSecret {
    pub(crate) fn decode<'a>(arguments: &mut Arguments<'a>) -> Taken<'a, Self> {
        let new_secret = arguments.long_str()?;
        let reason = arguments.short_str()?;
        Ok(Self { new_secret, reason })
    }

    pub(crate) fn arguments_len(&self) -> usize {
        5 + self.new_secret.len() + self.reason.len()
    }

    pub(crate) fn encode_arguments(&self, out: &mut impl BufMut) {
        self.new_secret.encode(out);
        self.reason.as_short_ref().encode(out);
    }
}
