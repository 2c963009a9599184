//! What clients of an embedded broker see, through streams inside the process: the same transcripts, recorded from RabbitMQ, that
//! the node beneath is compared with. Scripts that set users or policies are left out: here nobody administers.

#[path = "../../node/tests/transcripts/client.rs"]
mod client;
#[expect(dead_code, reason = "nothing is administered or recorded here")]
#[path = "../../node/tests/transcripts/line.rs"]
mod line;
#[path = "../../node/tests/transcripts/names.rs"]
mod names;
#[expect(dead_code, reason = "nothing is administered or recorded here")]
#[path = "../../node/tests/transcripts/script.rs"]
mod script;
#[path = "../../node/tests/transcripts/session.rs"]
mod session;
#[path = "../../node/tests/transcripts/show.rs"]
mod show;
#[path = "../../node/tests/transcripts/verbs.rs"]
mod verbs;

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::runtime::Runtime;
use warrener_embedded::{Broker, Limits};

use crate::line::Line;
use crate::script::Script;
use crate::session::{Quiet, Session, Side};

/// How many scripts need nobody who administers, at least.
const SCRIPTS: usize = 380;

/// The verbs of those who administer.
const ADMINISTRATION: [&str; 10] = [
    "alarm ",
    "user ",
    "permissions ",
    "topic-permissions ",
    "policy ",
    "operator-policy ",
    "clear-policy ",
    "clear-operator-policy ",
    "user-limit ",
    "vhost-limit ",
];

#[test]
fn an_embedded_broker_answers_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/tests/transcripts/scripts");
    let scripts: Vec<Script> =
        Script::all(&folder).into_iter().filter(|script| !is_administered(script)).collect();
    assert!(scripts.len() >= SCRIPTS, "{} scripts", scripts.len());
    let mut complaints = Vec::new();
    for script in &scripts {
        let answers = Session::new(&mut Embedded::start()).run(script);
        for (step, answer) in script.steps.iter().zip(&answers) {
            if step.expected_of_ours() != *answer {
                let expected = step.expected_of_ours();
                complaints.push(format!(
                    "{}: {:?}\n- {expected:#?}\n+ {answer:#?}\n",
                    script.name, step.actions
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "{} steps differ\n{}", complaints.len(), complaints.concat());
}

fn is_administered(script: &Script) -> bool {
    let actions = script.steps.iter().flat_map(|step| &step.actions);
    let mut verbs = actions.flat_map(|action| ADMINISTRATION.map(|verb| action.starts_with(verb)));
    verbs.any(|administers| administers)
}

/// A broker on a clock that stands until a script waits, and the streams to it.
struct Embedded {
    runtime: Runtime,
    broker: Broker,
    streams: BTreeMap<u32, DuplexStream>,
    waited: Duration,
}

impl Embedded {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // The largest message is that of the broker which was recorded.
        let mut limits = Limits::default();
        limits.message_bytes = 1 << 20;
        let broker =
            Broker::builder().standing_clock().heartbeat(60).seed(7).limits(limits).start();
        let broker = runtime.block_on(broker).unwrap();
        Self { runtime, broker, streams: BTreeMap::new(), waited: Duration::ZERO }
    }

    /// Lets the broker's tasks do what there is to do.
    fn run(&self) {
        self.runtime.block_on(async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        });
    }
}

impl Side for Embedded {
    fn dial(&mut self, connection: u32) {
        let stream = self.runtime.block_on(async { self.broker.connect() });
        self.streams.insert(connection, stream);
    }

    fn write(&mut self, connection: u32, octets: &[u8]) {
        let stream = self.streams.get_mut(&connection).expect("a stream");
        // The broker may have ended the stream meanwhile, which reading will find.
        let _ = self.runtime.block_on(stream.write_all(octets));
    }

    fn cut(&mut self, connection: u32) {
        self.run();
        self.streams.remove(&connection);
        self.run();
    }

    fn read(&mut self, connection: u32, into: &mut Vec<u8>) -> bool {
        self.run();
        let Some(stream) = self.streams.get_mut(&connection) else { return true };
        self.runtime.block_on(poll_fn(|context| {
            loop {
                let mut piece = [0; 16 * 1024];
                let mut piece = ReadBuf::new(&mut piece);
                match Pin::new(&mut *stream).poll_read(context, &mut piece) {
                    Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                        into.extend_from_slice(piece.filled());
                    }
                    Poll::Ready(_) => return Poll::Ready(true),
                    Poll::Pending => return Poll::Ready(false),
                }
            }
        }))
    }

    fn wait(&mut self, time: Duration) {
        self.run();
        self.waited += time;
        self.runtime.block_on(async { self.broker.advance(time) });
        self.run();
    }

    fn vhost(&self) -> String {
        "/".into()
    }

    #[expect(clippy::disallowed_methods, reason = "the broker's clock began at the machine's time")]
    fn now_s(&self) -> u64 {
        let now = SystemTime::now() + self.waited;
        now.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
    }

    /// Whatever follows from what was said has been done when it is looked at a few times.
    fn has_settled(&mut self, quiet: &mut Quiet, as_expected: bool, _awaiting: bool) -> bool {
        quiet.0 += Duration::from_millis(1);
        let enough = if as_expected { 2 } else { 50 };
        quiet.0 > Duration::from_millis(enough)
    }

    fn user_name(&self, name: &str) -> String {
        name.into()
    }

    fn administer(&mut self, line: &Line) {
        unreachable!("{}: such scripts are left out", line.verb);
    }
}
