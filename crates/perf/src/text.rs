//! Results as a person reads them.

use core::fmt;

use crate::outcome::{Outcome, Percentiles, Phase, Sample};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.broker, self.scenario)?;
        self.phases.iter().try_for_each(|phase| write!(f, "{phase}"))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} in {:.1} s", self.name, self.seconds)?;
        for (what, count, rate) in [
            ("published", self.published, self.published_per_second),
            ("confirmed", self.confirmed, self.confirmed_per_second),
            ("consumed", self.consumed, self.consumed_per_second),
        ] {
            if count > 0 {
                writeln!(f, "    {what:<10}{count:>12}  {}/s", Short(rate))?;
            }
        }
        for (what, count) in [("returned", self.returned), ("refused", self.nacked)] {
            if count > 0 {
                writeln!(f, "    {what:<10}{count:>12}")?;
            }
        }
        if self.octets_per_second > 0.0 {
            writeln!(f, "    bodies    {:>12.1} MiB/s", self.octets_per_second / 1_048_576.0)?;
        }
        for (what, latency) in [("latency", self.latency), ("confirm", self.confirm_latency)] {
            if let Some(latency) = latency {
                writeln!(f, "    {what:<10}{latency}")?;
            }
        }
        if let (Some(cpu), Some(cores)) = (self.broker_cpu_seconds_per_million, self.broker_cores) {
            write!(
                f,
                "    broker    {cpu:>12.2} µs CPU a message, {:.0} % of a core",
                cores * 100.0
            )?;
            if let Some(resident) = self.broker_resident_max {
                write!(f, ", {:.1} MiB", resident as f64 / 1_048_576.0)?;
            }
            writeln!(f)?;
        }
        if let Some(cpu) = self.generator_cpu_seconds_per_million {
            writeln!(f, "    generator {cpu:>12.2} µs CPU a message")?;
        }
        Ok(())
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min, p50, p90, p99, p999, max, .. } = self;
        write!(
            f,
            "min {min:.0}  p50 {p50:.0}  p90 {p90:.0}  p99 {p99:.0}  p99.9 {p999:.0}  max {max:.0} µs"
        )
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (published, consumed) =
            (Short(self.published_per_second), Short(self.consumed_per_second));
        write!(f, "{:>6.1} s  published {published}/s  consumed {consumed}/s", self.at)?;
        if let Some(latency) = self.latency {
            write!(f, "  p50 {:.0} p99 {:.0} µs", latency.p50, latency.p99)?;
        }
        if let Some(resident) = self.broker_resident {
            write!(f, "  {:.0} MiB", resident as f64 / 1_048_576.0)?;
        }
        Ok(())
    }
}

/// A rate to four digits: `123.4 k`.
pub(crate) struct Short(pub(crate) f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rate if rate >= 1e6 => write!(f, "{:.3} M", rate / 1e6),
            rate if rate >= 1e4 => write!(f, "{:.1} k", rate / 1e3),
            rate => write!(f, "{rate:.0}"),
        }
    }
}
