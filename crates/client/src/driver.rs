//! The task that joins a stream, a clock and the sans-IO machine, and serves the handles.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use warrener_codec::method::basic;
use warrener_codec::{ChannelId, Content, Method, ShortStr, Table};
use warrener_connection::{ClientConfig, Close, Connection as Machine, Initiator};

use crate::abandoned::{Abandoned, ChannelKey};
use crate::channel::Shared;
use crate::clock::Clock;
use crate::confirm::Waiter;
use crate::ledger::{Ledger, Pending, ReplyWaiter, Stalled};
use crate::numbers::Numbers;
use crate::{Error, Message, Returned};

mod events;

/// What a request is answered with.
#[derive(Debug)]
pub(crate) enum Reply {
    Method(Method),
    Content(Method, Content),
}

impl Reply {
    pub(crate) fn into_method(self) -> Method {
        let (Self::Method(method) | Self::Content(method, _)) = self;
        method
    }
}

/// What a handle asks and waits for.
#[derive(Debug)]
pub(crate) enum Request {
    Method(Method),
    Consume(Box<basic::Consume>, mpsc::Sender<Message>),
}

/// A message on its way out.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) exchange: ShortStr,
    pub(crate) routing_key: ShortStr,
    pub(crate) mandatory: bool,
    pub(crate) content: Content,
    pub(crate) waiter: Option<Waiter>,
}

pub(crate) type ChannelWaiter = oneshot::Sender<Result<Shared, Error>>;

/// What the handles ask of the driver.
#[derive(Debug)]
pub(crate) enum Command {
    OpenChannel(ChannelWaiter),
    Call(ChannelKey, Request, ReplyWaiter),
    Cast(ChannelKey, Method),
    Publish(ChannelKey, Box<Publication>),
    Returns(ChannelKey, mpsc::Sender<Returned>),
    CloseChannel(ChannelKey, Close, oneshot::Sender<Result<(), Error>>),
    Close(Close, oneshot::Sender<Result<(), Error>>),
}

/// Where the driver hears from the handles.
pub(crate) struct Inbox {
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) abandoned: mpsc::UnboundedReceiver<Abandoned>,
}

/// What handles of channels are made with. It keeps no connection open.
pub(crate) struct Handles {
    pub(crate) commands: mpsc::WeakSender<Command>,
    pub(crate) abandoned: mpsc::UnboundedSender<Abandoned>,
}

/// Where the driver tells the handles.
pub(crate) struct Outbox {
    pub(crate) opened: Option<oneshot::Sender<Result<Table, Error>>>,
    pub(crate) blocked: watch::Sender<Option<ShortStr>>,
    pub(crate) closed: watch::Sender<Option<Error>>,
}

/// How many commands are taken before what they made is written.
const COMMANDS_A_TURN: usize = 128;
/// What a read makes room for at least, in octets.
const READ_BYTES: usize = 16 * 1024;
/// How long the last octets may take to be written: a peer that does not read would hold them up for ever.
const GOODBYE: Duration = Duration::from_secs(5);

/// Runs a connection from its first octet to its last.
pub(crate) async fn drive<S>(
    stream: S,
    config: ClientConfig,
    mut inbox: Inbox,
    outbox: Outbox,
    handles: Handles,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let clock = Clock::new();
    let mut driver = Driver::new(Machine::client(config, clock.now()), outbox, handles);
    let mut input = BytesMut::new();
    loop {
        driver.handle_input(&clock, &mut input);
        if driver.machine.is_finished() {
            break;
        }
        let happened = driver.wait(&clock, &mut reader, &mut writer, &mut input, &mut inbox).await;
        if let Err(error) = driver.handle(&clock, happened, &mut inbox) {
            driver.fail(&error);
            break;
        }
    }
    driver.finish();
    // Whoever asks for something from here on is told at once that nobody listens.
    drop(inbox);
    // Best effort: the broker sees the end of the stream either way.
    let goodbye = async {
        while !driver.machine.outgoing().is_empty() {
            writer.write_buf(driver.machine.outgoing()).await?;
        }
        writer.shutdown().await
    };
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
}

/// What the driver was woken by.
enum Happened {
    Read(std::io::Result<usize>),
    Wrote(std::io::Result<usize>),
    Asked(Option<Command>),
    Left(Abandoned),
    TimedOut,
    /// There is room for the delivery that waited, or nobody wants it any more.
    Unstalled,
}

struct Driver {
    machine: Machine,
    outbox: Outbox,
    handles: Handles,
    server_properties: Table,
    ledgers: BTreeMap<ChannelId, Ledger>,
    opening: BTreeMap<ChannelId, ChannelWaiter>,
    numbers: Numbers,
    incarnations: u64,
    stalled: Option<Stalled>,
    /// What was let go of, and how many commands came before that and are to be obeyed first.
    left: Option<(Abandoned, usize)>,
    closing: Option<oneshot::Sender<Result<(), Error>>>,
    closed: Option<Error>,
    handles_gone: bool,
}

impl Driver {
    fn new(machine: Machine, outbox: Outbox, handles: Handles) -> Self {
        Self {
            machine,
            outbox,
            handles,
            server_properties: Table::default(),
            ledgers: BTreeMap::new(),
            opening: BTreeMap::new(),
            numbers: Numbers::default(),
            incarnations: 0,
            stalled: None,
            left: None,
            closing: None,
            closed: None,
            handles_gone: false,
        }
    }

    /// Waits for the first thing to do. Everything it waits for can be dropped half-way without losing anything.
    async fn wait<S: AsyncRead + AsyncWrite>(
        &mut self,
        clock: &Clock,
        reader: &mut ReadHalf<S>,
        writer: &mut WriteHalf<S>,
        input: &mut BytesMut,
        inbox: &mut Inbox,
    ) -> Happened {
        // However much waits to be written: a broker may read only once it has been read.
        let reads = self.stalled.is_none() && !self.machine.is_finished();
        let takes =
            !self.handles_gone && self.machine.is_open() && !self.machine.outbound().is_congested();
        let deadline = self.machine.poll_timeout().map(|(deadline, _)| clock.instant(deadline));
        let room = self.stalled.as_ref().map(|stalled| stalled.messages.clone());
        let outgoing = self.machine.outgoing();
        let writes = !outgoing.is_empty();
        if reads {
            input.reserve(READ_BYTES);
        }
        tokio::select! {
            biased;
            wrote = writer.write_buf(outgoing), if writes => Happened::Wrote(wrote),
            read = reader.read_buf(input), if reads => Happened::Read(read),
            Some(left) = inbox.abandoned.recv(), if self.left.is_none() => Happened::Left(left),
            command = inbox.commands.recv(), if takes => Happened::Asked(command),
            () = wait_for_room(room), if self.stalled.is_some() => Happened::Unstalled,
            () = wait_until(deadline) => Happened::TimedOut,
        }
    }

    fn handle(
        &mut self,
        clock: &Clock,
        happened: Happened,
        inbox: &mut Inbox,
    ) -> Result<(), Error> {
        let now = clock.now();
        match happened {
            Happened::Read(Ok(0)) => self.machine.handle_eof(now),
            Happened::Read(Ok(_)) => {}
            Happened::Wrote(Ok(_)) => {}
            Happened::Read(Err(error)) | Happened::Wrote(Err(error)) => return Err(error.into()),
            Happened::Left(abandoned) => match inbox.commands.len() {
                0 => self.tidy_up(abandoned),
                before => self.left = Some((abandoned, before)),
            },
            Happened::TimedOut => self.machine.handle_timeout(now),
            Happened::Unstalled => self.unstall(clock),
            Happened::Asked(None) => {
                self.handles_gone = true;
                self.close(clock, Close::goodbye());
            }
            Happened::Asked(Some(first)) => self.take(clock, first, inbox),
        }
        Ok(())
    }

    /// One wake-up takes many commands, so that their frames leave in one write.
    fn take(&mut self, clock: &Clock, first: Command, inbox: &mut Inbox) {
        self.obey(clock, first);
        for _ in 1..COMMANDS_A_TURN {
            if self.machine.outbound().is_congested() || !self.machine.is_open() {
                return;
            }
            let Ok(command) = inbox.commands.try_recv() else { return };
            self.obey(clock, command);
        }
    }

    fn obey(&mut self, clock: &Clock, command: Command) {
        self.carry_out(clock, command);
        if let Some((_, before)) = &mut self.left {
            *before -= 1;
            if *before == 0 {
                let left = self.left.take();
                left.into_iter().for_each(|(abandoned, _)| self.tidy_up(abandoned));
            }
        }
    }

    fn carry_out(&mut self, clock: &Clock, command: Command) {
        match command {
            Command::OpenChannel(waiter) => self.open_channel(waiter),
            Command::Call(key, request, waiter) => self.call(key, request, waiter),
            Command::Cast(key, method) => {
                if self.ledger(key).is_some() {
                    // A channel that closes meanwhile takes nothing; what it would have settled is given back by that.
                    let _ = self.machine.send(key.id, &method);
                }
            }
            Command::Publish(key, publication) => self.publish(key, *publication),
            Command::Returns(key, returns) => {
                if let Some(ledger) = self.ledger(key) {
                    ledger.set_returns(returns);
                }
            }
            Command::CloseChannel(key, close, waiter) => {
                self.close_channel(clock, key, &close, waiter);
            }
            Command::Close(close, waiter) => {
                self.closing = Some(waiter);
                self.close(clock, close);
            }
        }
    }

    /// From here on no delivery is waited for: what was not taken is the broker's again.
    fn close(&mut self, clock: &Clock, close: Close) {
        if let Some(stalled) = &self.stalled {
            self.let_go(clock, stalled.channel);
        }
        self.machine.close(clock.now(), close);
    }

    /// The channel is being closed: nobody waits for room for a delivery of it, behind which the answer would stand.
    fn let_go(&mut self, clock: &Clock, channel: ChannelId) {
        if self.stalled.take_if(|stalled| stalled.channel == channel).is_some() {
            self.machine.resume_reading(clock.now());
        }
    }

    fn open_channel(&mut self, waiter: ChannelWaiter) {
        let max = match self.machine.tune().channel_max {
            0 => u16::MAX,
            max => max,
        };
        let Some(id) = self.numbers.take(max) else {
            let _ = waiter.send(Err(Error::NoChannelLeft(max)));
            return;
        };
        match self.machine.send(id, &Method::ChannelOpen) {
            Ok(()) => drop(self.opening.insert(id, waiter)),
            Err(misuse) => {
                self.numbers.give_back(id);
                let _ = waiter.send(Err(misuse.into()));
            }
        }
    }

    fn call(&mut self, key: ChannelKey, request: Request, waiter: ReplyWaiter) {
        let (method, pending): (Method, Box<dyn FnOnce(ReplyWaiter) -> Pending>) = match request {
            Request::Method(Method::BasicCancel(cancel)) => {
                let tag = cancel.consumer_tag.clone();
                (Method::BasicCancel(cancel), Box::new(|waiter| Pending::Cancel(tag, waiter)))
            }
            Request::Method(method @ Method::ConfirmSelect(_)) => {
                (method, Box::new(Pending::Select))
            }
            Request::Method(Method::BasicGet(get)) => {
                let no_ack = get.no_ack;
                let pending = move |waiter| Pending::Get { no_ack, waiter };
                (Method::BasicGet(get), Box::new(pending))
            }
            Request::Method(method) => (method, Box::new(Pending::Call)),
            Request::Consume(consume, messages) => {
                let no_ack = consume.no_ack;
                let pending = move |waiter| Pending::Consume { no_ack, messages, waiter };
                (Method::BasicConsume(consume), Box::new(pending))
            }
        };
        if self.ledger(key).is_none() {
            let _ = waiter.send(Err(self.channel_error()));
            return;
        }
        if waiter.is_closed() && matches!(method, Method::BasicGet(_) | Method::BasicConsume(_)) {
            return;
        }
        match self.machine.send(key.id, &method) {
            Ok(()) => {
                if let Some(ledger) = self.ledger(key) {
                    ledger.expect(pending(waiter));
                }
            }
            Err(misuse) => drop(waiter.send(Err(misuse.into()))),
        }
    }

    fn publish(&mut self, key: ChannelKey, publication: Publication) {
        let Publication { exchange, routing_key, mandatory, content, waiter } = publication;
        let error = match self.ledger(key) {
            None => Some(self.channel_error()),
            Some(ledger) if waiter.is_some() && !ledger.confirms.is_selected() => {
                Some(Error::NotConfirming)
            }
            Some(_) => {
                let publish = basic::PublishRef {
                    exchange: exchange.as_short_ref(),
                    routing_key: routing_key.as_short_ref(),
                    mandatory,
                    ..basic::PublishRef::default()
                };
                self.machine.publish(key.id, publish, &content).err().map(Error::from)
            }
        };
        match (error, waiter) {
            (None, waiter) => {
                if let Some(ledger) = self.ledger(key) {
                    ledger.confirms.published(waiter);
                }
            }
            (Some(error), Some(waiter)) => drop(waiter.send(Err(error))),
            (Some(_), None) => {}
        }
    }

    fn close_channel(
        &mut self,
        clock: &Clock,
        key: ChannelKey,
        close: &Close,
        waiter: oneshot::Sender<Result<(), Error>>,
    ) {
        if self.ledger(key).is_none() {
            let _ = waiter.send(Err(self.channel_error()));
            return;
        }
        match self.machine.close_channel(key.id, close) {
            Ok(()) => {
                self.let_go(clock, key.id);
                if let Some(ledger) = self.ledger(key) {
                    ledger.close_with(waiter);
                }
            }
            Err(misuse) => drop(waiter.send(Err(misuse.into()))),
        }
    }

    fn tidy_up(&mut self, abandoned: Abandoned) {
        match abandoned {
            Abandoned::Channel(key) => {
                if self.ledger(key).is_some() {
                    let _ = self.machine.close_channel(key.id, &Close::goodbye());
                }
            }
            Abandoned::Consumer(key, tag, unread) => {
                let Some(ledger) = self.ledger(key) else { return };
                if ledger.has_abandoned(&tag) {
                    // What is under way until cancel-ok finds nobody who reads it, and is given back.
                    let (unheard, _) = oneshot::channel();
                    let cancel = basic::Cancel { consumer_tag: tag, no_wait: false };
                    self.call(key, Request::Method(cancel.into()), unheard);
                }
                for delivery_tag in unread {
                    self.give_back(key.id, delivery_tag);
                }
            }
            Abandoned::Delivery(key, delivery_tag) => {
                if self.ledger(key).is_some() {
                    self.give_back(key.id, delivery_tag);
                }
            }
        }
    }

    fn give_back(&mut self, channel: ChannelId, delivery_tag: u64) {
        let reject = basic::Reject { delivery_tag, requeue: true };
        let _ = self.machine.send(channel, &reject.into());
    }

    /// The ledger of a channel that is open, and the one that the handle means.
    fn ledger(&mut self, key: ChannelKey) -> Option<&mut Ledger> {
        self.ledgers.get_mut(&key.id).filter(|ledger| ledger.incarnation == key.incarnation)
    }

    /// Why a handle's channel is not there any more.
    fn channel_error(&self) -> Error {
        let gone = Close { by: Initiator::Local, ..Close::goodbye() };
        self.closed.clone().unwrap_or(Error::ChannelClosed(gone))
    }

    /// The stream is no good any more.
    fn fail(&mut self, error: &Error) {
        self.closed.get_or_insert_with(|| error.clone());
    }

    /// Tells everybody who still waits.
    fn finish(&mut self) {
        let error = self.closed.take().unwrap_or(Error::Gone);
        // First, so that whoever is told finds the connection over.
        self.outbox.closed.send_replace(Some(error.clone()));
        let orderly = matches!(&error, Error::Closed(close) if close.by == Initiator::Local);
        for (_, ledger) in core::mem::take(&mut self.ledgers) {
            ledger.finish(orderly, &error);
        }
        for (_, waiter) in core::mem::take(&mut self.opening) {
            let _ = waiter.send(Err(error.clone()));
        }
        if let Some(opened) = self.outbox.opened.take() {
            let _ = opened.send(Err(error.clone()));
        }
        if let Some(waiter) = self.closing.take() {
            let _ = waiter.send(if orderly { Ok(()) } else { Err(error) });
        }
    }
}

async fn wait_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => core::future::pending().await,
    }
}

async fn wait_for_room(messages: Option<mpsc::Sender<Message>>) {
    match messages {
        // An error means that the consumer is gone, which also ends the waiting.
        Some(messages) => drop(messages.reserve().await),
        None => core::future::pending().await,
    }
}
