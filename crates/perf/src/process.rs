//! What a process costs, as Linux tells in `/proc`.

use std::fs;

/// CPU and memory of a process at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Seconds of CPU, user and system, of all its threads, since it began.
    pub(crate) cpu_seconds: f64,
    /// Resident octets.
    pub(crate) resident: u64,
}

/// `None` where there is no such process, or no such system.
pub(crate) fn cost(pid: u32) -> Option<Cost> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets, which may hold anything, brackets and blanks too.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
    let cpu_seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Some(Cost { cpu_seconds, resident: kib * 1024 })
}

/// This process.
pub(crate) fn own_cost() -> Option<Cost> {
    cost(std::process::id())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_costs_something_and_one_that_is_not_there_nothing() {
        let cost = own_cost().expect("this process is there");
        assert!(cost.resident > 100_000, "{cost:?}");
        assert!(cost.cpu_seconds >= 0.0);
        assert_eq!(super::cost(u32::MAX), None);
    }
}
