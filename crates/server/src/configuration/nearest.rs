//! The nearest of the names there are to one that there is not.

/// The name that was probably meant, if one is near enough to say so.
pub(crate) fn nearest<'a>(
    wrong: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wrong = wrong.get(..wrong.len().min(LONGEST)).unwrap_or_default();
    let near = |name: &'a str| (distance(wrong.as_bytes(), name.as_bytes()), name);
    let (away, name) = names.into_iter().map(near).min_by_key(|&(away, _)| away)?;
    (away <= (name.len() / 3).max(2)).then_some(name)
}

/// No key is as long as this; what is longer is not looked at to its end.
const LONGEST: usize = 64;

/// How many octets must be added, left out, changed or exchanged with their neighbour to come from `a` to `b`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least =
                (rows[i][j] + usize::from(x != y)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found_and_something_else_is_not() {
        let names = ["listen", "log", "log_format", "handshake_timeout"];
        for (wrong, right) in [
            ("lisen", Some("listen")),
            ("lsiten", Some("listen")),
            ("logs", Some("log")),
            ("log-format", Some("log_format")),
            ("handshake_time", Some("handshake_timeout")),
            ("vm_memory_high_watermark", None),
            ("", None),
        ] {
            assert_eq!(
                nearest(
                    wrong,
                    names.iter().copied().filter(|name| *name != "log" || !wrong.is_empty())
                ),
                right,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_distance_counts_what_was_done_to_a_word() {
        for (a, b, away) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "b", 2), ("", "xyz", 3)]
        {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), away, "{a} {b}");
        }
    }
}
