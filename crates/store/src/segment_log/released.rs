//! A set of ids, as runs.

use crate::log::RecordId;

/// Ids that were released, as recovery gathers them.
#[derive(Clone, Debug, Default)]
pub(super) struct Released {
    /// First and last of each run, in order, without overlap.
    runs: Vec<(u64, u64)>,
}

impl Released {
    /// From runs in any order: the first id, and how many.
    pub(super) fn new(runs: Vec<(u64, u32)>) -> Self {
        let mut runs: Vec<_> = runs
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .map(|(first, count)| (first, first.saturating_add(u64::from(count) - 1)))
            .collect();
        runs.sort_unstable();
        runs.dedup_by(|next, run| {
            let meets = next.0 <= run.1.saturating_add(1);
            if meets {
                run.1 = run.1.max(next.1);
            }
            meets
        });
        runs.shrink_to_fit();
        Self { runs }
    }

    pub(super) fn contains(&self, id: RecordId) -> bool {
        let after = self.runs.partition_point(|run| run.0 <= id.0);
        after > 0 && self.runs[after - 1].1 >= id.0
    }

    /// Asks about ids that only grow.
    pub(super) fn cursor(&self, first: RecordId) -> Cursor<'_> {
        let at = self.runs.partition_point(|run| run.1 < first.0);
        Cursor { runs: &self.runs[at..] }
    }
}

pub(super) struct Cursor<'a> {
    runs: &'a [(u64, u64)],
}

impl Cursor<'_> {
    pub(super) fn contains(&mut self, id: RecordId) -> bool {
        while let [first, rest @ ..] = self.runs
            && first.1 < id.0
        {
            self.runs = rest;
        }
        self.runs.first().is_some_and(|run| run.0 <= id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_meet_or_overlap_are_one() {
        let released = Released::new(vec![(10, 5), (1, 2), (3, 1), (12, 10), (40, 0), (30, 1)]);
        assert_eq!(released.runs, [(1, 3), (10, 21), (30, 30)]);
        let mut cursor = released.cursor(RecordId(0));
        for id in 0..50 {
            let expected = matches!(id, 1..=3 | 10..=21 | 30);
            assert_eq!(released.contains(RecordId(id)), expected, "{id}");
            assert_eq!(cursor.contains(RecordId(id)), expected, "{id}");
        }
    }
}
