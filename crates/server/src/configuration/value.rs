//! What the texts of a configuration stand for.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;

use warrener_broker::Sync;
use warrener_codec::ShortStr;

use crate::config::User;
use crate::logging::Shown;

/// A value that a key does not take. A secret is left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadValue {
    /// The value, fit for a line; nothing if it may be a secret.
    pub(crate) shown: String,
    /// What would do.
    pub(crate) want: String,
}

/// The one value of a key that takes one.
pub(crate) fn one<T, W: ToString>(
    values: &[String],
    parse: impl Fn(&str) -> Result<T, W>,
) -> Result<T, BadValue> {
    let text = values.last().map(String::as_str).unwrap_or_default();
    parse(text).map_err(|want| BadValue {
        shown: Shown(text.as_bytes()).to_string(),
        want: want.to_string(),
    })
}

/// All values of a key that takes several.
pub(crate) fn each<T, W: ToString>(
    values: &[String],
    parse: impl Fn(&str) -> Result<T, W>,
) -> Result<Vec<T>, BadValue> {
    values.iter().map(|text| one(core::slice::from_ref(text), &parse)).collect()
}

/// Any text.
pub(crate) fn text(text: &str) -> Result<String, &'static str> {
    if text.is_empty() { Err("something, not nothing") } else { Ok(text.to_owned()) }
}

/// The name of a file or a directory.
pub(crate) fn path(text: &str) -> Result<PathBuf, &'static str> {
    self::text(text).map(PathBuf::from)
}

/// Names of files as texts.
pub(crate) fn shown_paths(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// Addresses, not names: what a name stands for may change, and a listener may not.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an IP address and a port up to 65535, as in 127.0.0.1:5672 or [::1]:5672")
}

/// `true` or `false`.
pub(crate) fn switch(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("true or false"),
    }
}

/// A whole number from `least` to `most`.
pub(crate) fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("a whole number from {least} to {most}"))
}

/// How many of something, at least one.
pub(crate) fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|count| *count > 0).ok_or("a whole number from 1 on")
}

/// Whole seconds.
pub(crate) fn seconds(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let seconds = number(text, least, most);
    seconds.map(Duration::from_secs).map_err(|want| format!("{want}, in seconds"))
}

/// A number of octets, or of K, M or G of them.
pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    let (digits, shift) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, 10 * (1 + "KMG".find(&text[digits.len()..]).unwrap_or(0))),
        None => (text, 0),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(1 << shift));
    bytes.ok_or("a number of bytes, or of K, M or G of them, as in 500M")
}

/// The text that [`size`] reads as this.
pub(crate) fn shown_size(bytes: u64) -> String {
    let unit = ["G", "M", "K"].into_iter().zip([30, 20, 10]);
    let fitting = unit.into_iter().find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    fitting.map_or_else(|| bytes.to_string(), |(unit, shift)| format!("{}{unit}", bytes >> shift))
}

/// `NAME:PASSWORD`.
pub(crate) fn user(text: &str) -> Result<User, crate::config::UserError> {
    text.parse()
}

/// `os`, `/=always`, `interval:200`. A virtual host's name may contain an equals sign, a mode does not.
pub(crate) fn sync(text: &str) -> Result<(Option<String>, Sync), &'static str> {
    let (vhost, mode) = match text.rsplit_once('=') {
        Some((vhost, mode)) => (Some(vhost.to_owned()), mode),
        None => (None, text),
    };
    let sync = match mode.split_once(':') {
        None if mode == "always" => Sync::Always,
        None if mode == "os" => Sync::Os,
        Some(("interval", ms)) => {
            let ms = ms.parse().ok().filter(|ms| (1..=3_600_000).contains(ms));
            Sync::Interval(Duration::from_millis(
                ms.ok_or("an interval in milliseconds, from 1 to 3600000, as in interval:200")?,
            ))
        }
        _ => return Err("always, interval:MS or os, with VHOST= in front for one virtual host"),
    };
    Ok((vhost, sync))
}

/// The text that [`sync`] reads as this.
pub(crate) fn shown_sync(vhost: Option<&str>, sync: Sync) -> String {
    let mode = match sync {
        Sync::Always => "always".to_owned(),
        Sync::Os => "os".to_owned(),
        Sync::Interval(every) => format!("interval:{}", every.as_millis()),
    };
    vhost.map_or_else(|| mode.clone(), |vhost| format!("{vhost}={mode}"))
}

/// The name of a virtual host.
pub(crate) fn vhost(text: &str) -> Result<ShortStr, &'static str> {
    let fits = (1..=255).contains(&text.len()).then(|| ShortStr::truncated(text));
    fits.ok_or("a name of 1 to 255 bytes")
}

/// A name that a field table takes, and any text that one takes.
pub(crate) fn property(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if (1..=128).contains(&name.len()) && value.len() <= 1024 => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("a name and a text, as in product=Warrener, of at most 128 and 1024 bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_larger_and_read_as_they_are_shown() {
        for (text, bytes) in
            [("12", 12), ("3K", 3 << 10), ("2G", 2 << 30), ("0", 0), ("1536M", 1536 << 20)]
        {
            assert_eq!(size(text), Ok(bytes));
            assert_eq!(shown_size(bytes), text);
        }
        for bad in ["", "M", "1T", "-1", "99999999999G", "1 K"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_confirms_wait_for_reads_as_it_is_shown() {
        for text in ["always", "os", "interval:200", "/=os", "a=b=interval:5"] {
            let (vhost, mode) = sync(text).unwrap();
            assert_eq!(shown_sync(vhost.as_deref(), mode), text);
        }
        for bad in ["never", "interval", "interval:0", "/="] {
            assert!(sync(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_keeps_to_its_bounds() {
        assert_eq!(number("7", 1, 9), Ok(7));
        for bad in ["0", "10", "-1", "1.5", "", "ten"] {
            assert_eq!(number(bad, 1, 9), Err("a whole number from 1 to 9".to_owned()), "{bad}");
        }
    }
}
