#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod clock;
mod compare;
mod consumer;
mod error;
mod floor;
mod link;
mod options;
mod outcome;
mod pace;
mod payload;
mod plot;
mod process;
mod producer;
mod relay;
mod run;
mod scenario;
mod tally;
mod text;
mod topology;
mod watch;

pub use compare::{Comparison, Contestant, Ratio, compare};
pub use error::PerfError;
pub use floor::floor;
pub use options::{Command, Exchange, Floor, Options, Output, Run, Scenario};
pub use outcome::{Outcome, Percentiles, Phase, Sample};
pub use pace::Segment;
pub use payload::Size;
pub use plot::plot;
pub use relay::relay;
pub use run::run;
