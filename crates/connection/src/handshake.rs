//! From the first octet to an open connection (AMQP 0-9-1 §1.4): what both roles have in common.

mod client;
mod server;

pub(crate) use client::ClientHandshake;
pub(crate) use server::ServerHandshake;

use alloc::boxed::Box;
use core::time::Duration;

use bytes::BytesMut;
use warrener_codec::{ChannelId, Decoder, Frame, LongStr, Method};

use crate::inbound::secret;
use crate::outbound::Outbound;
use crate::{Close, Decision, Event, Limits, Misuse, Phase, Tune, Violation};
use warrener_time::Time;

/// Either side's handshake; gone when the connection is open.
#[derive(Debug)]
pub(crate) enum Handshake {
    Client(Box<ClientHandshake>),
    Server(Box<ServerHandshake>),
}

/// What a step of a handshake came to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Go on.
    Next,
    /// More octets are needed, or the host must decide first.
    Waiting,
    /// Tell the host.
    Event(Event),
    /// The peer closed the connection.
    Closed(Close),
    /// The connection is open, with these limits.
    Open(Tune),
}

/// What the host's word during a handshake came to.
#[derive(Debug)]
pub(crate) enum Decided {
    /// Go on.
    Next,
    /// The connection is open, with these limits.
    Open(Tune),
    /// Say this and end.
    Close(Close),
    /// End without a word, after this pause.
    Silence(Duration),
}

impl Handshake {
    /// Takes one step in `input`.
    pub(crate) fn step(
        &mut self,
        now: Time,
        input: &mut BytesMut,
        decoder: &mut Decoder,
        out: &mut Outbound,
    ) -> Result<Progress, Violation> {
        match self {
            Self::Client(client) => client.step(now, input, decoder, out),
            Self::Server(server) => server.step(now, input, decoder, out),
        }
    }

    pub(crate) fn decide(
        &mut self,
        now: Time,
        decision: Decision,
        out: &mut Outbound,
    ) -> Result<Decided, Misuse> {
        match self {
            Self::Client(_) => Err(Misuse::NothingToDecide),
            Self::Server(server) => server.decide(now, decision, out),
        }
    }

    pub(crate) fn respond(&mut self, response: LongStr, out: &mut Outbound) -> Result<(), Misuse> {
        match self {
            Self::Client(client) => client.respond(response, out),
            Self::Server(_) => Err(Misuse::NothingToDecide),
        }
    }

    /// Whether the host must decide before anything more can be read.
    pub(crate) fn is_waiting_for_host(&self) -> bool {
        match self {
            Self::Client(client) => client.is_waiting_for_host(),
            Self::Server(server) => server.is_waiting_for_host(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self {
            Self::Client(client) => client.phase(),
            Self::Server(server) => server.phase(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        match self {
            Self::Client(client) => client.limits(),
            Self::Server(server) => server.limits(),
        }
    }

    /// Whether an error is worth a connection.close, and if not, how long to stay silent.
    pub(crate) fn silence_after(&self, violation: &Violation) -> Option<Duration> {
        match self {
            Self::Client(_) => None,
            Self::Server(server) => server.silence_after(violation),
        }
    }
}

/// The next method on channel 0; everything else is out of place now.
fn next_method(
    input: &mut BytesMut,
    decoder: &mut Decoder,
    phase: Phase,
) -> Result<Option<Method>, Violation> {
    loop {
        match decoder.decode(input).map_err(|error| secret(&error))? {
            None => return Ok(None),
            Some(Frame::Heartbeat) => {}
            Some(Frame::Method(ChannelId::CONNECTION, method)) => return Ok(Some(method)),
            Some(Frame::Method(_, method)) => return Err(unexpected(&method, phase)),
            Some(Frame::Header(..) | Frame::Body(..)) => return Err(Violation::NotMethod),
        }
    }
}

fn unexpected(method: &Method, phase: Phase) -> Violation {
    Violation::UnexpectedMethod { method: method.id(), phase }
}
