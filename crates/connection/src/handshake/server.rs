//! The accepting side: header, start, secure, tune, open.

use core::time::Duration;

use alloc::boxed::Box;
use bytes::{Buf, BytesMut};
use warrener_codec::method::connection;
use warrener_codec::{Decoder, LongStr, Method, MethodId, ProtocolHeader};
use warrener_time::Time;

use super::{Decided, Progress, next_method, unexpected};
use crate::error::WrongHeader;
use crate::outbound::Outbound;
use crate::{
    Authenticate, Capabilities, Close, Decision, Event, Limits, Misuse, Phase, ReplyCode,
    ServerConfig, Tune, Violation, sasl, tune,
};

/// A server's handshake.
#[derive(Debug)]
pub(crate) struct ServerHandshake {
    config: ServerConfig,
    capabilities: Capabilities,
    settled: Tune,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    StartOk,
    /// The host decides about the login.
    Login,
    SecureOk,
    TuneOk,
    Open,
    /// The host decides about the virtual host.
    Vhost,
}

impl ServerHandshake {
    pub(crate) fn new(config: ServerConfig) -> Self {
        let settled = config.tune;
        Self { config, capabilities: Capabilities::default(), settled, state: State::Header }
    }

    pub(crate) fn step(
        &mut self,
        now: Time,
        input: &mut BytesMut,
        decoder: &mut Decoder,
        out: &mut Outbound,
    ) -> Result<Progress, Violation> {
        match self.state {
            State::Header => return self.header(input, out),
            State::Login | State::Vhost => return Ok(Progress::Waiting),
            State::StartOk | State::SecureOk | State::TuneOk | State::Open => {}
        }
        let Some(method) = next_method(input, decoder, self.phase())? else {
            return Ok(Progress::Waiting);
        };
        match (self.state, method) {
            (State::StartOk, Method::ConnectionStartOk(start_ok)) => self.start_ok(*start_ok),
            (State::SecureOk, Method::ConnectionSecureOk(secure_ok)) => {
                self.state = State::Login;
                Ok(Progress::Event(Event::Response(secure_ok.response.into())))
            }
            (State::TuneOk, Method::ConnectionTuneOk(tune_ok)) => {
                self.tune_ok(now, &tune_ok, decoder, out)
            }
            (State::Open, Method::ConnectionOpen(open)) => {
                self.state = State::Vhost;
                Ok(Progress::Event(Event::Open { vhost: open.virtual_host }))
            }
            (State::TuneOk | State::Open, Method::ConnectionClose(close)) => {
                Ok(Progress::Closed(Close::from(close)))
            }
            (_, method) => Err(unexpected(&method, self.phase())),
        }
    }

    /// The host's word about a login or a virtual host.
    pub(crate) fn decide(
        &mut self,
        _now: Time,
        decision: Decision,
        out: &mut Outbound,
    ) -> Result<Decided, Misuse> {
        match (self.state, decision) {
            (State::Login, Decision::Accept) => {
                let Tune { channel_max, frame_max, heartbeat_s } = self.config.tune;
                let heartbeat = heartbeat_s;
                out.handshake(&connection::Tune { channel_max, frame_max, heartbeat }.into());
                self.state = State::TuneOk;
                Ok(Decided::Next)
            }
            (State::Login, Decision::Challenge(challenge)) => {
                out.handshake(&connection::Secure { challenge }.into());
                self.state = State::SecureOk;
                Ok(Decided::Next)
            }
            (State::Login, Decision::Refuse(close)) => Ok(self.refuse_login(close)),
            (State::Vhost, Decision::Accept) => {
                out.handshake(&Method::ConnectionOpenOk);
                Ok(Decided::Open(self.settled))
            }
            (State::Vhost, Decision::Refuse(close)) => {
                let blamed = close.class_id != 0 || close.code == ReplyCode::CONNECTION_FORCED;
                let ids = MethodId::ConnectionOpen.ids();
                Ok(Decided::Close(if blamed { close } else { close.blaming(Some(ids)) }))
            }
            (_, _) => Err(Misuse::NothingToDecide),
        }
    }

    pub(crate) fn is_waiting_for_host(&self) -> bool {
        matches!(self.state, State::Login | State::Vhost)
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.state {
            State::Header => Phase::Header,
            State::StartOk | State::Login => Phase::Starting,
            State::SecureOk => Phase::Securing,
            State::TuneOk => Phase::Tuning,
            State::Open | State::Vhost => Phase::Opening,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// A login that is not even well formed is refused like any other: without a word to a client that did not ask
    /// for words, and after a pause.
    pub(crate) fn silence_after(&self, violation: &Violation) -> Option<Duration> {
        let login = matches!(violation, Violation::Credentials(_) | Violation::Mechanism { .. });
        let silent = login && !self.capabilities.authentication_failure_close;
        silent.then_some(self.config.refusal_pause)
    }

    /// AMQP 0-9-1 §4.2.2. A wrong header is answered with the right one.
    fn header(&mut self, input: &mut BytesMut, out: &mut Outbound) -> Result<Progress, Violation> {
        match ProtocolHeader::parse(input) {
            // RabbitMQ takes 0-9 for 0-9-1, which differs in nothing that such clients say.
            Ok((_, ProtocolHeader::V0_9_1 | ProtocolHeader::V0_9)) => {
                input.advance(ProtocolHeader::LEN);
                out.handshake(&Method::ConnectionStart(Box::new(self.start())));
                self.state = State::StartOk;
                Ok(Progress::Next)
            }
            Err(error) if error.is_incomplete() => Ok(Progress::Waiting),
            Ok(_) | Err(_) => {
                out.protocol_header(ProtocolHeader::V0_9_1.to_bytes());
                Err(Violation::ProtocolHeader(WrongHeader::new(input)))
            }
        }
    }

    fn start(&self) -> connection::Start {
        connection::Start {
            version_major: 0,
            version_minor: 9,
            server_properties: self.config.server_properties.clone(),
            mechanisms: self.config.mechanisms.clone(),
            locales: self.config.locales.clone(),
        }
    }

    fn start_ok(&mut self, start_ok: connection::StartOk) -> Result<Progress, Violation> {
        let connection::StartOk { client_properties, mechanism, response, locale } = start_ok;
        self.capabilities = Capabilities::of(&client_properties);
        let offered: &LongStr = &self.config.mechanisms;
        let credentials = sasl::credentials(offered, &mechanism, response)?;
        self.state = State::Login;
        Ok(Progress::Event(Event::Authenticate(Box::new(Authenticate {
            mechanism,
            client_properties,
            locale,
            credentials,
            capabilities: self.capabilities,
        }))))
    }

    fn tune_ok(
        &mut self,
        now: Time,
        tune_ok: &connection::TuneOk,
        decoder: &mut Decoder,
        out: &mut Outbound,
    ) -> Result<Progress, Violation> {
        let connection::TuneOk { channel_max, frame_max, heartbeat } = *tune_ok;
        let answer = Tune { channel_max, frame_max, heartbeat_s: heartbeat };
        self.settled = tune::settle(self.config.tune, answer).map_err(|explanation| {
            Violation::Tune { explanation, method: MethodId::ConnectionTuneOk }
        })?;
        decoder.set_frame_max(self.settled.frame_max);
        out.tuned(now, self.settled);
        self.state = State::Open;
        Ok(Progress::Next)
    }

    /// To a client that wants to hear it, in words; to any other, by hanging up after a pause (RabbitMQ extension).
    fn refuse_login(&self, close: Close) -> Decided {
        if self.capabilities.authentication_failure_close {
            Decided::Close(close)
        } else {
            Decided::Silence(self.config.refusal_pause)
        }
    }
}
