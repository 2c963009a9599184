//! How a run is set up: everything follows from the seed, and everything can be changed to find out what matters.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::{Random, Weather};

/// How a run is set up. Its text form, `name=value` for each field, is what a run is replayed from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// What chance decides follows from it.
    pub seed: u64,
    /// The shortest time from one end of a stream to the other, in microseconds.
    pub delay_min_us: u64,
    /// The longest.
    pub delay_max_us: u64,
    /// How many octets may be under way in one direction.
    pub window_bytes: u64,
    /// How often, in a hundred, a piece is split where it hurts.
    pub split_percent: u64,
    /// How many queues there are. The last one is plain: whatever comes there stays there.
    pub queues: u64,
    /// How many clients publish.
    pub publishers: u64,
    /// How many clients consume.
    pub consumers: u64,
    /// How many clients make queues for themselves.
    pub hermits: u64,
    /// How many clients build exchanges, queues and bindings, and use them.
    pub architects: u64,
    /// How many things happen before all faults end.
    pub steps: u64,
    /// The longest body, in octets.
    pub body_bytes_max: u64,
    /// How long the disk takes at most for a work, in microseconds.
    pub disk_delay_max_us: u64,
    /// How long a segment of the log is, in octets.
    pub segment_bytes: u64,
    /// How often, in a thousand steps, a stream breaks.
    pub cut_permille: u64,
    /// How often, in a thousand steps, a client vanishes without a word.
    pub vanish_permille: u64,
    /// How often, in a thousand steps, a client stops reading for a while.
    pub stall_permille: u64,
    /// How often, in a thousand steps, the power goes.
    pub power_permille: u64,
    /// How often, in a thousand steps, the server is killed.
    pub kill_permille: u64,
    /// How often, in a thousand steps, the server is asked to end, and started again.
    pub shutdown_permille: u64,
    /// How often, in a thousand steps, the disk fails.
    pub disk_fault_permille: u64,
    /// Whether the whole machine is started anew after its disk failed, rather than just the server.
    pub reboot_after_fault: u64,
    /// How often, in a thousand steps, the disk is nearly full for a while.
    pub disk_full_permille: u64,
    /// How often, in a thousand steps, a queue is purged.
    pub purge_permille: u64,
    /// How often, in a thousand steps, a queue that comes and goes is deleted and declared again.
    pub delete_permille: u64,
    /// How often, in a thousand steps, the policy of a queue is set or cleared.
    pub policy_permille: u64,
    /// How often, in a thousand steps, those who visit lose the right to publish, or get it back.
    pub rights_permille: u64,
    /// How often, in a thousand steps, an alarm goes on.
    pub alarm_permille: u64,
    /// How far the wall clock may step at a restart, either way, in milliseconds.
    pub clock_step_max_ms: u64,
}

macro_rules! fields {
    ($($name:ident)*) => {
        /// The names of all fields, in their order.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        impl Options {
            /// A field by its name.
            fn field(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            fn values(&self) -> [u64; NAMES.len()] {
                [$(self.$name),*]
            }
        }
    };
}

fields! {
    seed delay_min_us delay_max_us window_bytes split_percent queues publishers consumers hermits architects steps body_bytes_max
    disk_delay_max_us segment_bytes cut_permille vanish_permille stall_permille power_permille kill_permille
    shutdown_permille disk_fault_permille reboot_after_fault disk_full_permille purge_permille delete_permille policy_permille
    rights_permille alarm_permille clock_step_max_ms
}

impl Options {
    /// The options of this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let weather = Weather::drawn(&mut random);
        let mut now_and_then = |often: &[u64]| *random.pick(often);
        Self {
            seed,
            delay_min_us: micros(weather.delay_min),
            delay_max_us: micros(weather.delay_max),
            window_bytes: weather.window_bytes as u64,
            split_percent: weather.split_percent,
            queues: now_and_then(&[1, 2, 3, 4, 5, 6]),
            publishers: now_and_then(&[1, 2, 3]),
            consumers: now_and_then(&[1, 2, 3, 4, 5]),
            hermits: now_and_then(&[0, 0, 1, 2]),
            architects: now_and_then(&[0, 0, 1, 2]),
            steps: now_and_then(&[400, 800, 1_200, 1_600, 2_400]),
            body_bytes_max: now_and_then(&[0, 100, 100, 1_000, 10_000]),
            disk_delay_max_us: now_and_then(&[0, 500, 20_000, 200_000]),
            segment_bytes: now_and_then(&[16 << 10, 64 << 10, 1 << 20]),
            cut_permille: now_and_then(&[0, 10, 40]),
            vanish_permille: now_and_then(&[0, 0, 5, 20]),
            stall_permille: now_and_then(&[0, 0, 10, 40]),
            power_permille: now_and_then(&[0, 5, 15]),
            kill_permille: now_and_then(&[0, 0, 5, 15]),
            shutdown_permille: now_and_then(&[0, 0, 5, 15]),
            disk_fault_permille: now_and_then(&[0, 0, 0, 5, 15]),
            reboot_after_fault: now_and_then(&[0]),
            disk_full_permille: now_and_then(&[0, 0, 0, 10]),
            purge_permille: now_and_then(&[0, 0, 0, 5]),
            delete_permille: now_and_then(&[0, 5, 20]),
            clock_step_max_ms: now_and_then(&[0, 0, 1_000, 3_600_000]),
            policy_permille: now_and_then(&[0, 0, 10, 40]),
            rights_permille: now_and_then(&[0, 0, 0, 20]),
            alarm_permille: now_and_then(&[0, 0, 0, 10]),
        }
    }

    /// How the network treats streams.
    #[must_use]
    pub fn weather(&self) -> Weather {
        Weather {
            delay_min: Duration::from_micros(self.delay_min_us),
            delay_max: Duration::from_micros(self.delay_max_us.max(self.delay_min_us)),
            window_bytes: usize::try_from(self.window_bytes).unwrap_or(usize::MAX).max(1),
            split_percent: self.split_percent,
        }
    }

    /// A record longer than this is written in fragments, in octets.
    #[must_use]
    pub const fn fragment_bytes(&self) -> u64 {
        self.segment_bytes / 16
    }

    /// The same run with less in it, the greatest simplifications first: what a failing run is tried with.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        let mut simpler = Vec::new();
        let mut add = |name: &str, value: u64| {
            let mut other = self.clone();
            let field = other.field(name).expect("it is one of ours");
            if value < *field {
                *field = value;
                simpler.push(other);
            }
        };
        for (name, value) in NAMES.iter().zip(self.values()) {
            match *name {
                "seed" | "window_bytes" | "reboot_after_fault" | "segment_bytes" | "steps" => {}
                "queues" | "publishers" => (1..value).for_each(|less| add(name, less)),
                "consumers" | "hermits" | "architects" => {
                    (0..value).for_each(|less| add(name, less))
                }
                _ => add(name, 0),
            }
        }
        for eighths in [1, 2, 4, 6, 7] {
            add("steps", self.steps * eighths / 8);
        }
        add("steps", self.steps.saturating_sub(5));
        add("steps", self.steps.saturating_sub(1));
        simpler
    }

    /// What differs from the options of the seed: what is to be given to the program besides the seed.
    #[must_use]
    pub fn changes(&self) -> String {
        let drawn = Self::of(self.seed).values();
        let all = NAMES.iter().zip(self.values()).zip(drawn);
        let changed = all.filter(|((_, own), drawn)| own != drawn);
        let words: Vec<String> = changed.map(|((name, own), _)| format!(" {name}={own}")).collect();
        words.concat()
    }

    /// Changes one field, told as `name=value`.
    ///
    /// # Errors
    ///
    /// When there is no such field, or the value is no number.
    pub fn change(&mut self, told: &str) -> Result<(), String> {
        let (name, value) = told.split_once('=').ok_or_else(|| format!("{told}: no name=value"))?;
        let value = u64::from_str(value).map_err(|error| format!("{told}: {error}"))?;
        *self.field(name).ok_or_else(|| format!("there is no option {name}"))? = value;
        Ok(())
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        NAMES.iter().zip(self.values()).try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_by_its_seed_and_what_was_changed() {
        let mut options = Options::of(7);
        assert_eq!(options.changes(), "");
        options.change("steps=1").unwrap();
        options.change("publishers=9").unwrap();
        let mut again = Options::of(7);
        for word in options.changes().split_whitespace() {
            again.change(word).unwrap();
        }
        assert_eq!(again, options);
        assert!(again.change("weather=3").is_err());
        assert!(again.change("steps=many").is_err());
    }

    #[test]
    fn a_simpler_run_is_never_the_same_run() {
        let mut options = Options::of(7);
        let mut rounds = 0;
        while let Some(simpler) = options.simpler().into_iter().next_back() {
            assert_ne!(simpler, options);
            options = simpler;
            rounds += 1;
            assert!(rounds < 10_000, "it never ends");
        }
        assert_eq!((options.steps, options.publishers, options.consumers), (0, 1, 0));
    }
}
