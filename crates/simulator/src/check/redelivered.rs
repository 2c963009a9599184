//! A message that comes out of a queue a second time says so.

use std::collections::BTreeSet;

use crate::history::Happened;

pub(super) fn check(history: &[Happened]) -> Result<(), String> {
    let mut delivered = BTreeSet::new();
    for happened in history {
        if let Happened::Delivered { id, from, redelivered, .. } = happened
            && !delivered.insert((*id, *from))
            && !redelivered
        {
            return Err(format!("message {} came again from queue {} as if new", id.0, from.0));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{delivered, published};

    #[test]
    fn finds_a_lost_flag() {
        assert!(check(&[published(1), delivered(1, false), delivered(1, true)]).is_ok());
        assert!(check(&[published(1), delivered(1, false), delivered(1, false)]).is_err());
    }
}
