//! Clients that other people wrote, doing what people do with a broker: one test for each language
//! and pattern. The Rust ones always run; the others run where their language is installed.

mod amqp_tools;
mod amqplib;
mod celery;
pub(crate) mod install;
mod java;
pub(crate) mod lapin;
mod librabbitmq;
mod pika;

use core::time::Duration;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::broker::{Broker, Shared};
use crate::process::{self, Outcome};

/// More than any program here takes; each has a deadline of its own below this one.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Declares one test for each program of a language, and one that notices a forgotten program.
macro_rules! programs {
    ($run:path, $folder:literal, $ending:literal, [$($name:ident),* $(,)?]) => {
        $(
            #[test]
            fn $name() {
                $run(stringify!($name));
            }
        )*

        #[test]
        fn every_program_is_run() {
            let mut expected = vec![$(concat!(stringify!($name), $ending)),*];
            expected.push(concat!("session", $ending));
            expected.sort();
            assert_eq!($crate::clients::sources($folder, $ending), expected);
        }
    };
}
use programs;

/// Which broker a client talks to.
struct Target {
    url: String,
    /// `None`: one that somebody else runs.
    broker: Option<Arc<Broker>>,
}

impl Target {
    /// The broker that `WARRENER_TEST_URL` names, or else the one these tests share.
    fn of(shared: &Shared) -> Self {
        if let Ok(url) = std::env::var("WARRENER_TEST_URL") {
            return Self { url, broker: None };
        }
        let broker = shared.broker();
        Self { url: broker.url(), broker: Some(broker) }
    }

    fn log(&self) -> String {
        self.broker.as_ref().map_or_else(String::new, |broker| broker.last_words())
    }

    /// Runs a client to its end, and expects it to be content.
    #[track_caller]
    fn satisfies(&self, client: &mut Command) -> Outcome {
        self.satisfies_with_input(client, Vec::new())
    }

    /// The same, with something to read for the client.
    #[track_caller]
    fn satisfies_with_input(&self, client: &mut Command, input: Vec<u8>) -> Outcome {
        client.env("AMQP_URL", &self.url);
        let outcome = process::run_with_input(client, input, LIMIT)
            .unwrap_or_else(|error| panic!("{error}\n-- log of the broker\n{}", self.log()));
        assert!(
            outcome.status.success(),
            "{client:?} failed: {}\n{}{}-- log of the broker\n{}",
            outcome.status,
            outcome.text(),
            outcome.stderr,
            self.log()
        );
        outcome
    }
}

/// What was installed, or `None` after saying why this test cannot run here. In CI it must run.
pub(crate) fn unless_missing<'a, T>(found: &'a Result<T, String>, test: &str) -> Option<&'a T> {
    match found {
        Ok(found) => Some(found),
        Err(reason) => {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!ci, "{test} may not be skipped in CI: {reason}");
            // Not captured by the test harness, so that a passing test says that it did nothing.
            let line = format!("{test} skipped: {reason}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
            None
        }
    }
}

/// Where the programs of a language are.
pub(crate) fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/clients").join(language)
}

/// The names of a language's programs, sorted.
fn sources(language: &str, ending: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder(language))
        .expect("the folder of a language")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(ending))
        .collect();
    names.sort();
    names
}
