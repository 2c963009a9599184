//! A broker in a thread of a program that knows no async: it listens on a free port, and ends with the program's wish.
//!
//! `cargo run -p warrener-examples --example broker_in_a_thread`

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "an example is a program")]

use core::error::Error;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;
use warrener_embedded::Broker;

/// A broker that runs in a thread of its own until it is stopped.
pub(crate) struct BrokerThread {
    /// Where it listens.
    pub(crate) uri: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), String>>,
}

impl BrokerThread {
    /// Returns when clients may connect. With a directory, what is durable outlives it.
    pub(crate) fn start(directory: Option<std::path::PathBuf>) -> Result<Self, Box<dyn Error>> {
        let (started, uri) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            runtime.block_on(async {
                let mut builder = Broker::builder();
                if let Some(directory) = directory {
                    builder = builder.directory(directory);
                }
                let broker = builder.start().await.map_err(|error| error.to_string())?;
                let uri = broker.listen().await.map_err(|error| error.to_string())?;
                let _ = started.send(uri);
                let _ = stopped.await;
                broker.stop().await.map_err(|error| error.to_string())
            })
        });
        match uri.recv() {
            Ok(uri) => Ok(Self { uri, stop, thread }),
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error.into()),
                _ => Err("the broker's thread is gone".into()),
            },
        }
    }

    /// Closes its connections, brings everything to disk, and waits for the thread.
    pub(crate) fn stop(self) -> Result<(), Box<dyn Error>> {
        let _ = self.stop.send(());
        let outcome = self.thread.join().map_err(|_| "the broker's thread panicked")?;
        Ok(outcome?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = BrokerThread::start(None)?;
    println!("clients may connect to {}; Enter ends it", broker.uri);
    std::io::stdin().read_line(&mut String::new())?;
    broker.stop()
}
