//! Where in a sorted row something should be, and where it is.

use super::Key;

/// How many steps lead from `first` to a key, if `steps` equal ones lead to `last`. A step begun is one made.
pub(super) fn interpolate<K: Key>(key: K, first: K, last: K, steps: usize) -> usize {
    let span = last.rank().saturating_sub(first.rank());
    let into = key.rank().saturating_sub(first.rank()).min(span);
    if span == 0 {
        return 0;
    }
    // Only a guess: what is lost by rounding is found by looking nearby. Signed, because processors convert that at
    // once; a little below one, so that a whole number stays what it is.
    let part = into as i64 as f64 / span as i64 as f64;
    (part * steps as i64 as f64 + 0.999_999) as i64 as usize
}

/// How many of the first of `len` items are `below`, which no later one is: looks near `guess` first, and then ever
/// farther away from it.
pub(super) fn partition_near(len: usize, guess: usize, below: impl Fn(usize) -> bool) -> usize {
    let Some(last) = len.checked_sub(1) else { return 0 };
    let guess = guess.min(last);
    let (mut low, mut high, mut step) = (0, len, 1);
    if below(guess) {
        low = guess + 1;
        while low + step <= high {
            let probe = low + step - 1;
            if !below(probe) {
                high = probe;
                break;
            }
            (low, step) = (probe + 1, step * 2);
        }
    } else {
        high = guess;
        while let Some(probe) = high.checked_sub(step) {
            if below(probe) {
                low = probe + 1;
                break;
            }
            (high, step) = (probe, step * 2);
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
