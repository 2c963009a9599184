//! What is delivered was published, and to that queue.

use std::collections::BTreeMap;

use crate::history::Happened;

pub(super) fn check(history: &[Happened]) -> Result<(), String> {
    let mut targets = BTreeMap::new();
    for happened in history {
        match happened {
            Happened::Published { id, to, .. } => {
                targets.insert(*id, to);
            }
            Happened::Delivered { id, from, .. }
                if !targets.get(id).is_some_and(|to| to.contains(from)) =>
            {
                return Err(format!("message {} came out of queue {}", id.0, from.0));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{delivered, published};

    #[test]
    fn finds_a_message_that_nobody_published() {
        assert!(check(&[published(1), delivered(1, false)]).is_ok());
        assert!(check(&[published(1), delivered(2, false)]).is_err());
    }
}
