//! Whoever has lost the right to publish publishes nothing, from the moment at which that was promised.

use std::collections::BTreeSet;

use crate::history::{Happened, Story};

use super::alarm::Waiting;
use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut visitors = BTreeSet::new();
    let mut revoked = false;
    let mut waiting = Waiting::default();
    for happened in happened(story) {
        match happened {
            Happened::Visits(by) => {
                visitors.insert(*by);
            }
            Happened::Revoked => revoked = true,
            // What is under way may arrive later, and then it may be taken.
            Happened::Granting => {
                revoked = false;
                waiting = Waiting::default();
            }
            Happened::Published(published) if !visitors.contains(&published.by) => {}
            other if revoked => {
                if let Some(what) = waiting.contradicts(other) {
                    return Err(format!("{what}, and its publisher had no right to publish"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{ALICE, confirmed, delivered, published, story};
    use crate::history::Happened;

    #[test]
    fn finds_what_was_published_without_a_right() {
        for then in [confirmed(1), delivered(1)] {
            let told = |begun: &[Happened]| {
                check(&story(begun.iter().cloned().chain([published(1), then.clone()])))
            };
            assert!(told(&[]).is_ok());
            assert!(told(&[Happened::Revoked]).is_ok(), "somebody else's rights");
            let visits = Happened::Visits(ALICE);
            assert!(told(&[visits.clone(), Happened::Revoking]).is_ok());
            assert!(told(&[visits.clone(), Happened::Revoked]).is_err());
            assert!(told(&[visits, Happened::Revoked, Happened::Granting]).is_ok());
        }
    }
}
