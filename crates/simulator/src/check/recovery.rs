//! A confirmed message is not lost: it was acknowledged by a consumer, or it is delivered when all faults are over.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Happened;

pub(super) fn check(history: &[Happened]) -> Result<(), String> {
    let mut targets = BTreeMap::new();
    let mut safe = BTreeSet::new();
    let mut acked = BTreeSet::new();
    for happened in history {
        match happened {
            Happened::Published { id, to, .. } => {
                targets.insert(*id, to);
            }
            Happened::Confirmed { id, accepted: true } => {
                safe.insert(*id);
            }
            Happened::Acked { id, from } => {
                acked.insert((*id, *from));
            }
            _ => {}
        }
    }
    for id in safe {
        let missing = targets.get(&id).into_iter().copied().flatten();
        if let Some(queue) = missing.copied().find(|queue| !acked.contains(&(id, *queue))) {
            return Err(format!(
                "message {} was confirmed and is lost from queue {}",
                id.0, queue.0
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{acked, confirmed, published};

    #[test]
    fn finds_a_confirmed_message_that_never_came() {
        assert!(check(&[published(1)]).is_ok());
        assert!(check(&[published(1), confirmed(1), acked(1)]).is_ok());
        assert!(check(&[published(1), confirmed(1)]).is_err());
    }
}
