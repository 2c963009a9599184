//! What is published in a transaction is there after its commit, altogether or not at all, and never before.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{ActorId, Happened, MessageId, Published, QueueId, Story};

use super::happened;
use super::terms::Terms;

#[derive(Default)]
struct Transaction<'a> {
    messages: Vec<&'a Published>,
    committing: bool,
    /// Some of it was delivered, and then the server died before it had said that all was safe.
    undecided: bool,
    committed: bool,
}

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut transactions: BTreeMap<(ActorId, u64), Transaction<'_>> = BTreeMap::new();
    let mut of: BTreeMap<MessageId, (ActorId, u64)> = BTreeMap::new();
    let mut seen: BTreeSet<(MessageId, QueueId)> = BTreeSet::new();
    for happened in happened(story) {
        match happened {
            Happened::Published(message) => {
                let Some(number) = message.transaction else { continue };
                of.insert(message.id, (message.by, number));
                transactions.entry((message.by, number)).or_default().messages.push(message);
            }
            Happened::Committing(by, number) => {
                transactions.entry((*by, *number)).or_default().committing = true;
            }
            Happened::Committed(by, number) => {
                transactions.entry((*by, *number)).or_default().committed = true;
            }
            Happened::Killed | Happened::PowerLost | Happened::Failed(_) => {
                // Deliveries do not wait for the disk.
                for transaction in transactions.values_mut().filter(|it| !it.committed) {
                    let any = |it: &&Published| it.to.iter().any(|to| seen.contains(&(it.id, *to)));
                    transaction.undecided |= transaction.messages.iter().any(any);
                }
            }
            Happened::Delivered(delivered) => {
                let origin = delivered.deaths.last().map_or(delivered.from, |died| died.queue);
                seen.insert((delivered.id, origin));
                let committing =
                    of.get(&delivered.id).is_none_or(|key| transactions[key].committing);
                if !committing {
                    return Err(format!("{} was delivered before its commit", delivered.id));
                }
            }
            _ => {}
        }
    }
    if !super::came_to_its_end(story) {
        return Ok(());
    }
    let terms = Terms::of(story);
    let decided = transactions.values().filter(|transaction| !transaction.undecided);
    decided.into_iter().try_for_each(|transaction| altogether(&terms, transaction, &seen))
}

/// Of the copies that nothing but a crash can lose, all were seen or none.
fn altogether(
    terms: &Terms,
    transaction: &Transaction<'_>,
    seen: &BTreeSet<(MessageId, QueueId)>,
) -> Result<(), String> {
    let mut verdict: Option<(bool, MessageId)> = None;
    for message in &transaction.messages {
        if !message.persistent || message.expiration_ms.is_some() {
            continue;
        }
        for queue in &message.to {
            if terms.may_lose(*queue) {
                continue;
            }
            let there = seen.contains(&(message.id, *queue));
            match verdict {
                Some((other, with)) if other != there => {
                    let (id, by) = (message.id, message.by);
                    return Err(format!("of one transaction of {by}, {with} and {id} differ"));
                }
                _ => verdict = Some((there, message.id)),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{ALICE, delivered, publish, story};
    use crate::history::{Happened, Published};

    fn in_transaction(id: u64) -> Happened {
        Happened::Published(Published { tag: 0, transaction: Some(1), ..publish(id) })
    }

    #[test]
    fn finds_a_message_that_comes_before_its_commit() {
        let commit = || Happened::Committing(ALICE, 1);
        assert!(check(&story([in_transaction(1), commit(), delivered(1)])).is_ok());
        assert!(check(&story([in_transaction(1), delivered(1), commit()])).is_err());
        assert!(
            check(&story([in_transaction(1), Happened::RolledBack(ALICE, 1), delivered(1)]))
                .is_err()
        );
    }

    #[test]
    fn finds_half_a_transaction() {
        let half = |last: &[Happened]| {
            let begin = [in_transaction(1), in_transaction(2), Happened::Committing(ALICE, 1)];
            let end = [Happened::Floor(Vec::new())];
            story(begin.into_iter().chain(last.to_vec()).chain(end))
        };
        assert!(check(&half(&[])).is_ok());
        assert!(check(&half(&[delivered(1), delivered(2)])).is_ok());
        assert!(check(&half(&[delivered(2)])).is_err());
    }
}
