//! How much memory there is, and what of it the broker may have.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{Config, ConnectionLimits, Storage};

/// What the broker may hold by default: this part of what there is.
const BUDGET_PART: u64 = 4;

/// With this many tenths of its share held by what cannot leave memory, queues do not grow any more.
const FIXED_TENTHS: u64 = 9;

/// With this many tenths of what there is held, nobody publishes any more.
const ALARM_TENTHS: u64 = 6;

/// Where the amount of memory cannot be found out, it is taken to be this much.
const UNKNOWN_BYTES: u64 = 4 << 30;

/// Gives the broker its share of the memory there is.
pub(crate) fn set_limits(config: &Config, limits: &mut warrener_broker::Limits) {
    let all = available_bytes(Path::new("/")).unwrap_or(UNKNOWN_BYTES);
    let budget = config.memory_budget_bytes.unwrap_or(all / BUDGET_PART);
    limits.memory_budget_bytes = budget;
    limits.memory_fixed_bytes = budget / 10 * FIXED_TENTHS;
    limits.memory_alarm_bytes = (all / 10 * ALARM_TENTHS).max(budget);
    set_tenant_limits(&config.limits, limits);
    limits.pages = matches!(config.storage, Storage::Directory(_));
    tracing::info!(
        "memory: up to {} MiB before waiting messages are left to the disk (of {} MiB)",
        budget >> 20,
        all >> 20
    );
}

/// What tenants may have, as the settings say.
pub(crate) fn set_tenant_limits(own: &ConnectionLimits, limits: &mut warrener_broker::Limits) {
    limits.consumers_per_channel = own.consumers_per_channel;
    limits.consumers_per_connection = own.consumers_per_connection;
    limits.arguments_bytes = own.arguments_bytes as usize;
    limits.names_per_vhost = own.names_per_vhost;
    limits.settings = own.settings;
    limits.bindings_per_vhost = own.bindings_per_vhost;
    limits.bindings_per_target = own.bindings_per_target as usize;
    limits.bindings_per_exchange = own.bindings_per_exchange as usize;
    limits.binding_bytes_per_vhost = own.binding_bytes_per_vhost;
    limits.transaction_entries = own.transaction_entries as usize;
    limits.transaction_bytes = own.transaction_bytes;
    limits.vhosts.max_queues = own.queues_per_vhost.map(i64::from);
    limits.vhosts.max_connections = own.connections_per_vhost.map(i64::from);
    limits.users.max_connections = own.connections_per_user.map(i64::from);
    limits.users.max_channels = own.channels_per_user.map(i64::from);
}

/// What this process may have: of the machine's memory, what its control group leaves it.
pub(crate) fn available_bytes(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.chain(machine_bytes(root)).min()
}

fn machine_bytes(root: &Path) -> Option<u64> {
    let info = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The limits of a control group and those above it. A line is `0::/path` (version 2) or `9:memory:/path` (version 1).
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    let (base, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let base = root.join(base);
    let own = base.join(group.trim_start_matches('/'));
    let groups = own.ancestors().take_while(|path| path.starts_with(&base));
    let files: Vec<PathBuf> = groups.map(|path| path.join(file)).collect();
    let texts = files.iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.filter_map(|text| text.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n");

    #[test]
    fn a_machine_without_control_groups_has_what_it_has() {
        let root = machine(&[MACHINE]);
        assert_eq!(available_bytes(root.path()), Some(8_000_000 << 10));
        assert_eq!(available_bytes(machine(&[]).path()), None);
    }

    #[test]
    fn a_control_group_or_one_above_it_leaves_less() {
        let root = machine(&[
            MACHINE,
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/memory.max", "1000000\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
        ]);
        assert_eq!(available_bytes(root.path()), Some(1_000_000));
    }

    #[test]
    fn control_groups_of_the_first_version_are_read_too() {
        let root = machine(&[
            MACHINE,
            ("proc/self/cgroup", "9:cpu,cpuacct:/x\n4:memory:/box\n"),
            ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "500000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(available_bytes(root.path()), Some(500_000));
    }
}
