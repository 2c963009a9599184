//! The connecting side: header, start-ok, secure-ok, tune-ok, open.

use alloc::boxed::Box;

use bytes::BytesMut;
use warrener_codec::method::connection;
use warrener_codec::{Decoder, LongStr, Method, MethodId, ProtocolHeader};
use warrener_time::Time;

use super::{Progress, next_method, unexpected};
use crate::error::WrongHeader;
use crate::outbound::Outbound;
use crate::tune::Wish;
use crate::{ClientConfig, Close, Event, Limits, Misuse, Phase, Tune, Violation, sasl, tune};

/// A client's handshake.
#[derive(Debug)]
pub(crate) struct ClientHandshake {
    config: ClientConfig,
    settled: Tune,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// start-ok is sent; the server challenges, or offers limits.
    Login,
    /// The host answers a challenge.
    Challenged,
    OpenOk,
}

impl ClientHandshake {
    /// Begins with the protocol header.
    pub(crate) fn new(config: ClientConfig, out: &mut Outbound) -> Self {
        out.protocol_header(ProtocolHeader::V0_9_1.to_bytes());
        Self { config, settled: Tune::DEFAULT, state: State::Start }
    }

    pub(crate) fn step(
        &mut self,
        now: Time,
        input: &mut BytesMut,
        decoder: &mut Decoder,
        out: &mut Outbound,
    ) -> Result<Progress, Violation> {
        if self.state == State::Challenged {
            return Ok(Progress::Waiting);
        }
        if self.state == State::Start && input.first() == Some(&b'A') {
            return refused_header(input);
        }
        let Some(method) = next_method(input, decoder, self.phase())? else {
            return Ok(Progress::Waiting);
        };
        match (self.state, method) {
            (State::Start, Method::ConnectionStart(start)) => self.start(*start, out),
            (State::Login, Method::ConnectionSecure(secure)) => {
                self.state = State::Challenged;
                Ok(Progress::Event(Event::Challenge(secure.challenge)))
            }
            (State::Login, Method::ConnectionTune(tune)) => self.tune(now, &tune, decoder, out),
            (State::OpenOk, Method::ConnectionOpenOk) => Ok(Progress::Open(self.settled)),
            (_, Method::ConnectionClose(close)) => Ok(Progress::Closed(Close::from(close))),
            (_, method) => Err(unexpected(&method, self.phase())),
        }
    }

    /// The host answers a challenge.
    pub(crate) fn respond(&mut self, response: LongStr, out: &mut Outbound) -> Result<(), Misuse> {
        if self.state != State::Challenged {
            return Err(Misuse::NothingToDecide);
        }
        out.handshake(&connection::SecureOk { response }.into());
        self.state = State::Login;
        Ok(())
    }

    pub(crate) fn is_waiting_for_host(&self) -> bool {
        self.state == State::Challenged
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.state {
            State::Start => Phase::Header,
            State::Login => Phase::Starting,
            State::Challenged => Phase::Securing,
            State::OpenOk => Phase::Opening,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    fn start(
        &mut self,
        start: connection::Start,
        out: &mut Outbound,
    ) -> Result<Progress, Violation> {
        let (major, minor) = (start.version_major, start.version_minor);
        if (major, minor) != (0, 9) {
            return Err(Violation::Version { major, minor });
        }
        if !sasl::is_offered(&start.mechanisms, &self.config.mechanism.name) {
            return Err(Violation::NoMechanism);
        }
        let start_ok = connection::StartOk {
            client_properties: self.config.client_properties.clone(),
            mechanism: self.config.mechanism.name.clone(),
            response: self.config.mechanism.response.clone().into_inner(),
            locale: self.config.locale.clone(),
        };
        out.handshake(&Method::ConnectionStartOk(Box::new(start_ok)));
        self.state = State::Login;
        Ok(Progress::Event(Event::Introduced(start.server_properties)))
    }

    fn tune(
        &mut self,
        now: Time,
        offer: &connection::Tune,
        decoder: &mut Decoder,
        out: &mut Outbound,
    ) -> Result<Progress, Violation> {
        let connection::Tune { channel_max, frame_max, heartbeat } = *offer;
        let offer = Tune { channel_max, frame_max, heartbeat_s: heartbeat };
        let wish = Wish {
            channel_max: self.config.channel_max,
            frame_max: self.config.frame_max,
            heartbeat_s: self.config.heartbeat_s,
        };
        let settled = tune::answer(wish, offer).map_err(|explanation| Violation::Tune {
            explanation,
            method: MethodId::ConnectionTune,
        })?;
        let Tune { channel_max, frame_max, heartbeat_s } = settled;
        let tune_ok = connection::TuneOk { channel_max, frame_max, heartbeat: heartbeat_s };
        out.handshake(&tune_ok.into());
        let virtual_host = self.config.vhost.clone();
        out.handshake(&connection::Open { virtual_host }.into());
        decoder.set_frame_max(frame_max);
        out.tuned(now, settled);
        self.settled = settled;
        self.state = State::OpenOk;
        Ok(Progress::Next)
    }
}

/// A server that does not speak 0-9-1 answers with the header of what it speaks, and hangs up (AMQP 0-9-1 §4.2.2).
fn refused_header(input: &BytesMut) -> Result<Progress, Violation> {
    if input.len() < ProtocolHeader::LEN {
        return Ok(Progress::Waiting);
    }
    Err(Violation::ProtocolHeader(WrongHeader::new(input)))
}
