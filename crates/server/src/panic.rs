//! A panic in any thread ends the process, at once.

use std::sync::mpsc;
use std::thread;

use crate::limits::LAST_LINE;
use crate::log_writer;
use crate::program::complain;

/// What the process ends with: an internal software error (`EX_SOFTWARE` of sysexits).
const EXIT_CODE: i32 = 70;

/// A broker that has lost one of its threads or tasks must not go on as if it had not: from now on, whoever panics ends
/// the process with one line. Nothing is unwound, synced or closed: what was confirmed is in the log.
pub(crate) fn end_the_process() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = said.unwrap_or("no message").replace(['\r', '\n'], " ");
        let place = panic.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
        say(format!(
            "internal error at {place}: {message}; please report this. What was confirmed is safe: start it again"
        ));
        std::process::exit(EXIT_CODE);
    }));
}

/// Whoever reads standard error may not be reading, and the process ends all the same.
fn say(line: String) {
    let (tell, told) = mpsc::channel();
    let written = move || {
        complain(&line);
        log_writer::finish(LAST_LINE);
        let _ = tell.send(());
    };
    if thread::Builder::new().name("last-line".to_owned()).spawn(written).is_ok() {
        let _ = told.recv_timeout(LAST_LINE);
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use warrener_store::Lane;

    use super::*;
    use crate::clock::Clock;
    use crate::config::{Config, Listen};
    use crate::lanes::{self, tests::Planted};
    use crate::server::tests::with_parts;

    /// Tells the process of a test where it is to panic.
    const PLANTED: &str = "WARRENER_TEST_PANIC_IN";

    /// Runs in a process of its own, where it ends with it; in the tests' own process there is nothing to do.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[expect(clippy::disallowed_methods, reason = "the test is told where to panic by its parent")]
    async fn a_broker_in_which_somebody_panics() {
        let Ok(place) = std::env::var(PLANTED) else { return };
        end_the_process();
        let mut config = Config::in_memory();
        config.listen = Listen::On(vec![([127, 0, 0, 1], 0).into()]);
        let story = move |core: Arc<crate::turns::Core<_>>| match &*place {
            "core" => core.turn(|_, _, _| panic!("planted")),
            "task" => crate::server::tests::spawn_guarded(core, async { panic!("planted") }),
            "store" => {
                let (lanes, threads) = lanes::lanes();
                threads.start(&Arc::default(), |()| (), || ()).unwrap();
                lanes.give(Lane::Commit, Planted);
            }
            "silent" => {
                // Somebody holds standard error, and does not let go.
                let held = std::io::stderr().lock();
                let task = async { panic!("planted") };
                crate::server::tests::spawn_guarded(core, task);
                thread::park();
                drop(held);
            }
            other => unreachable!("{other}"),
        };
        with_parts(config, story).await;
        unreachable!("the process has ended");
    }

    #[test]
    fn a_panic_in_any_thread_ends_the_process_with_one_line() {
        for place in ["core", "task", "store", "silent"] {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "panic::tests::a_broker_in_which_somebody_panics", "--nocapture"])
                .env(PLANTED, place)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let took = Clock::stopwatch();
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                assert!(took() < Duration::from_secs(60), "{place}: it goes on");
                thread::yield_now();
            };
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            assert_eq!(status.code(), Some(EXIT_CODE), "{place}: {said}");
            let lines = said.lines().filter(|line| line.starts_with("warrener: ")).count();
            assert_eq!(lines, usize::from(place != "silent"), "{place}: {said}");
        }
    }
}
