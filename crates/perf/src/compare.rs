//! Two brokers in turns, and the ratios with their spread.

use core::fmt;

use serde::Serialize;

use crate::error::PerfError;
use crate::options::Scenario;
use crate::outcome::{Outcome, Phase};
use crate::run::run;
use crate::text::Short;

/// One side of a comparison.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Contestant {
    /// Where it is.
    pub uri: String,
    /// Its process, if that is to be watched.
    pub pid: Option<u32>,
}

impl Contestant {
    /// A broker, and its process if that is to be watched.
    #[must_use]
    pub fn new(uri: &str, pid: Option<u32>) -> Self {
        Self { uri: uri.to_owned(), pid }
    }
}

/// All rounds of both, in the order in which they were run.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The rounds of each.
    pub outcomes: [Vec<Outcome>; 2],
}

/// How the first compares to the second in one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ratio {
    /// What is compared.
    pub what: &'static str,
    /// The medians of both.
    pub medians: [f64; 2],
    /// Smallest, median and largest ratio of a round of the first to the round of the second after it.
    pub spread: [f64; 3],
}

/// What a phase says about one figure, if anything.
type Figure = fn(&Phase) -> Option<f64>;

/// Runs `rounds` of both, in turns, so that what else the machine does falls on both.
///
/// # Errors
///
/// Those of [`run`], of the first round that fails.
pub fn compare(
    contestants: &[Contestant; 2],
    rounds: usize,
    scenario: &Scenario,
    progress: &mut dyn FnMut(&str),
) -> Result<Comparison, PerfError> {
    let mut outcomes = [Vec::new(), Vec::new()];
    for _ in 0..rounds.max(1) {
        for (side, contestant) in outcomes.iter_mut().zip(contestants) {
            side.push(run(&contestant.uri, contestant.pid, scenario, progress)?);
        }
    }
    Ok(Comparison { outcomes })
}

impl Comparison {
    /// All figures that both have.
    #[must_use]
    pub fn ratios(&self) -> Vec<Ratio> {
        let figures: [(&'static str, Figure); 6] = [
            ("messages a second", |phase| Some(phase.rate()).filter(|rate| *rate > 0.0)),
            ("latency p50, µs", |phase| Some(phase.latency?.p50)),
            ("latency p99, µs", |phase| Some(phase.latency?.p99)),
            ("confirm p50, µs", |phase| Some(phase.confirm_latency?.p50)),
            ("confirm p99, µs", |phase| Some(phase.confirm_latency?.p99)),
            ("CPU a message, µs", |phase| {
                phase.broker_cpu_seconds_per_million.filter(|cpu| *cpu > 0.0)
            }),
        ];
        figures.into_iter().filter_map(|(what, figure)| self.ratio(what, figure)).collect()
    }

    fn ratio(&self, what: &'static str, figure: Figure) -> Option<Ratio> {
        let values = |side: &Vec<Outcome>| -> Option<Vec<f64>> {
            side.iter().map(|outcome| figure(outcome.last()?)).collect()
        };
        let (first, second) = (values(&self.outcomes[0])?, values(&self.outcomes[1])?);
        let ratios =
            sorted(first.iter().zip(&second).map(|(first, second)| first / second).collect());
        let spread = [*ratios.first()?, median(&ratios)?, *ratios.last()?];
        Some(Ratio { what, medians: [median(&sorted(first))?, median(&sorted(second))?], spread })
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => Some((sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0),
        _ => sorted.get(middle).copied(),
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |side: &Vec<Outcome>| side.first().map(|outcome| outcome.broker.clone());
        let [first, second] = [name(&self.outcomes[0]), name(&self.outcomes[1])];
        let scenario = self.outcomes[0].first().map(|outcome| outcome.scenario.as_str());
        writeln!(f, "{}", scenario.unwrap_or_default())?;
        let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
        writeln!(f, "  {:<20}{first:>20}{second:>20}  ratio (from, to)", "")?;
        for Ratio { what, medians: [first, second], spread: [least, middle, most] } in self.ratios()
        {
            let [first, second] = [first, second].map(|value| match what {
                "messages a second" => Short(value).to_string(),
                _ => format!("{value:.2}"),
            });
            writeln!(
                f,
                "  {what:<20}{first:>20}{second:>20}  {middle:.2} ({least:.2}, {most:.2})"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_or_between_the_two_middles() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 3.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 9.0]), Some(2.0));
    }
}
