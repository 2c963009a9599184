//! What the operating system says of this process. Where it says nothing, the answer is 0.

use std::fs;

/// The node's name: `warrener@` and the machine's.
pub(crate) fn node_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .unwrap_or_default();
    let host = host.trim();
    format!("warrener@{}", if host.is_empty() { "localhost" } else { host })
}

/// Resident memory, in octets.
pub(crate) fn memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}

/// Open file descriptors.
pub(crate) fn files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

/// How many there may be.
pub(crate) fn files_max() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_all_of_it() {
        assert!(node_name().starts_with("warrener@"));
        assert!(memory_bytes() > 1 << 20);
        assert!((3..=files_max()).contains(&files()));
    }
}
