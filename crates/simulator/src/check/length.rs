//! A queue holds no more than its limit, save what came back to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Happened, Policy, QueueId, Settlement, Story};

use super::sight::Sight;

pub(super) fn check(story: &Story) -> Result<(), String> {
    // What was handed out may return whatever the limit says.
    let mut may_return: BTreeMap<_, u64> = BTreeMap::new();
    let mut blind = BTreeSet::new();
    let mut policies = Policies::default();
    let mut sight = Sight::of(story);
    for moment in &story.moments {
        policies.note(&moment.what);
        // What was under way to somebody returns as well, however many that were.
        blind.extend(sight.lost(moment));
        match &moment.what {
            Happened::Delivered(delivered) => {
                *may_return.entry(delivered.from).or_default() += 1;
            }
            Happened::Settled { from, how, .. } if *how != Settlement::Requeue => {
                let returning = may_return.entry(*from).or_default();
                *returning = returning.saturating_sub(1);
            }
            Happened::Looked { queue, ready, .. } => {
                let Some(design) = story.topology.get(*queue) else { continue };
                // What was there already stays where the rest is refused.
                let policy = policies.hold.get(queue).filter(|it| !it.refuses && !design.refuses);
                let of_policy = policy.and_then(|policy| policy.max_length);
                let Some(limit) = design.max_length.into_iter().chain(of_policy).min() else {
                    continue;
                };
                let returned = may_return.get(queue).copied().unwrap_or_default();
                if *ready <= limit {
                    blind.remove(queue);
                } else if *ready > limit + returned && !blind.contains(queue) {
                    return Err(format!(
                        "{queue} holds {ready} messages, and {limit} is its limit"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Which policies hold for sure: those whose setting was answered, and that were not touched since.
#[derive(Default)]
struct Policies<'a> {
    asked: BTreeMap<QueueId, Option<&'a Policy>>,
    hold: BTreeMap<QueueId, &'a Policy>,
}

impl<'a> Policies<'a> {
    fn note(&mut self, happened: &'a Happened) {
        match happened {
            Happened::Policing { queue, policy } => {
                self.hold.remove(queue);
                self.asked.insert(*queue, policy.as_ref());
            }
            Happened::Policed(queue) => {
                let policy = self.asked.remove(queue).flatten();
                self.hold.extend(policy.map(|policy| (*queue, policy)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{QUEUE, story, story_in};
    use crate::history::{Happened, Policy};
    use crate::workload::QueueDesign;

    #[test]
    fn finds_a_queue_that_is_too_long() {
        let short = QueueDesign { max_length: Some(5), ..QueueDesign::default() };
        let looked = |ready| [Happened::Looked { queue: QUEUE, ready, unacked: 0 }];
        assert!(check(&story_in(short.clone(), looked(5))).is_ok());
        assert!(check(&story_in(short, looked(6))).is_err());
    }

    #[test]
    fn finds_a_queue_that_is_too_long_for_its_policy() {
        let policy = Some(Policy { max_length: Some(5), ..Policy::default() });
        let policing = || Happened::Policing { queue: QUEUE, policy: policy.clone() };
        let looked = |ready| Happened::Looked { queue: QUEUE, ready, unacked: 0 };
        let set = || [policing(), Happened::Policed(QUEUE)];
        assert!(check(&story([policing(), looked(6)])).is_ok());
        assert!(check(&story(set().into_iter().chain([looked(5)]))).is_ok());
        assert!(check(&story(set().into_iter().chain([looked(6)]))).is_err());
        let cleared = Happened::Policing { queue: QUEUE, policy: None };
        assert!(check(&story(set().into_iter().chain([cleared, looked(6)]))).is_ok());
    }
}
