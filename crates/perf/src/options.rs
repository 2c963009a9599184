//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::pace::Segment;
use crate::payload::Size;

/// A load generator for AMQP 0-9-1 brokers.
#[derive(Parser, Debug)]
#[command(name = "warrener-perf", version, max_term_width = 110)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Put load on a broker and report what it did.
    Run(Box<Run>),
    /// The same load through a relay that understands nothing: the floor of this machine.
    Floor(Box<Floor>),
    /// Forward octets between pairs of connections, understanding nothing. `floor` starts this by itself.
    Relay {
        /// Octets moved at a time.
        #[arg(long, default_value_t = 65_536)]
        buffer: usize,
    },
}

/// Put load on a broker.
#[derive(Args, Debug)]
pub struct Run {
    /// The broker.
    #[arg(default_value = "amqp://guest:guest@localhost:5672")]
    pub uri: String,
    /// Its process, to report its CPU and memory; Linux only.
    #[arg(long)]
    pub pid: Option<u32>,
    /// A second broker: runs alternate between the two, and ratios are printed with their spread.
    #[arg(long, value_name = "URI")]
    pub compare: Option<String>,
    /// The second broker's process.
    #[arg(long, value_name = "PID", requires = "compare")]
    pub compare_pid: Option<u32>,
    /// How often each broker has its turn.
    #[arg(long, default_value_t = 3, requires = "compare")]
    pub rounds: usize,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation is the help text of the options in it")]
    pub scenario: Scenario,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation is the help text of the options in it")]
    pub output: Output,
}

/// The floor of this machine.
#[derive(Args, Debug)]
pub struct Floor {
    /// Sizes of the relay's buffer to try, in octets; the best is reported.
    #[arg(long, value_delimiter = ',', default_value = "16384,65536,262144")]
    pub buffers: Vec<usize>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation is the help text of the options in it")]
    pub scenario: Scenario,
    #[command(flatten)]
    #[expect(missing_docs, reason = "its own documentation is the help text of the options in it")]
    pub output: Output,
}

/// Where results go.
#[derive(Args, Debug, Clone)]
pub struct Output {
    /// Write the results as JSON; `-` is standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw rates and latencies over time into an SVG file.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Say nothing while it runs.
    #[arg(long)]
    pub quiet: bool,
}

/// What load to make.
#[derive(Args, Debug, Clone)]
pub struct Scenario {
    /// Connections that publish.
    #[arg(long, short = 'x', default_value_t = 1)]
    pub producers: usize,
    /// Connections that consume; 0 for none.
    #[arg(long, short = 'y', default_value_t = 1)]
    pub consumers: usize,
    /// Queues. Producers take turns over them; each consumer has its share of them.
    #[arg(long, short = 'q', default_value_t = 1)]
    pub queues: usize,
    /// Octets of a body, or `A..B` for a size drawn anew for each message. The first 8 carry the time.
    #[arg(long, short, default_value = "1024")]
    pub size: Size,
    /// The body, from a file; the first 8 octets are replaced by the time.
    #[arg(long, value_name = "FILE", conflicts_with = "size")]
    pub body: Option<PathBuf>,
    /// Messages a second for each producer; 0 for as many as it can.
    #[arg(long, short, default_value_t = 0.0)]
    pub rate: f64,
    /// Rates that follow each other in a circle, in place of `--rate`: `RATE:SECONDS,RATE:SECONDS,..`.
    #[arg(long, value_delimiter = ',', value_name = "RATE:SECONDS", conflicts_with = "rate")]
    pub variable_rate: Vec<Segment>,
    /// Seconds over which producers begin one after the other.
    #[arg(long, default_value_t = 0.0, value_name = "SECONDS")]
    pub ramp_up: f64,
    /// Ask for confirms, with at most so many messages unconfirmed a producer.
    #[arg(long, short, value_name = "WINDOW")]
    pub confirm: Option<usize>,
    /// Persistent messages (delivery mode 2).
    #[arg(long, short)]
    pub persistent: bool,
    /// Publish with the mandatory flag.
    #[arg(long)]
    pub mandatory: bool,
    /// Consume without acknowledging.
    #[arg(long)]
    pub auto_ack: bool,
    /// Unacknowledged messages a consumer may have; 0 for any number.
    #[arg(long, default_value_t = 0)]
    pub prefetch: u16,
    /// Acknowledge every so many messages, all at once.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    pub multi_ack: u64,
    /// The exchange that is published to.
    #[arg(long, value_enum, default_value_t = Exchange::Default)]
    pub exchange: Exchange,
    /// Bindings besides one for each queue; producers use all their keys in turn (direct, topic).
    #[arg(long, default_value_t = 0, value_name = "COUNT")]
    pub bindings: usize,
    /// An argument of each queue, `name=value`: a number, true, false, or text.
    #[arg(long = "queue-argument", value_name = "NAME=VALUE")]
    pub queue_arguments: Vec<String>,
    /// Quorum queues.
    #[arg(long)]
    pub quorum: bool,
    /// Give the queues so many priorities, and use them in turn.
    #[arg(long, value_name = "COUNT")]
    pub priorities: Option<u8>,
    /// Each message's time to live, in milliseconds.
    #[arg(long, value_name = "MS")]
    pub ttl: Option<u32>,
    /// How long to measure, in seconds.
    #[arg(long, short, default_value_t = 10.0, conflicts_with = "count", value_name = "SECONDS")]
    pub time: f64,
    /// How many messages each producer publishes, in place of a time; the run ends when all have been consumed.
    #[arg(long, short = 'C')]
    pub count: Option<u64>,
    /// Seconds that are not measured, first.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    pub warm_up: f64,
    /// Fill first, then drain: consumers begin when the last producer has published its `--count`.
    #[arg(long, requires = "count")]
    pub backlog: bool,
    /// Requests and replies: producers ask by amq.rabbitmq.reply-to and consumers answer; `--confirm` is the
    /// number of questions a producer may have open (1).
    #[arg(long, conflicts_with_all = ["auto_ack", "backlog"])]
    pub request_reply: bool,
    /// What names begin with.
    #[arg(long, default_value = "warrener-perf")]
    pub name: String,
    /// Leave exchange and queues behind.
    #[arg(long)]
    pub keep: bool,
}

/// The exchange that is published to.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are AMQP's own words")]
pub enum Exchange {
    Default,
    Direct,
    Fanout,
    Topic,
    Headers,
}

impl Exchange {
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Default | Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        super::Options::command().debug_assert();
    }
}
