//! What one channel published to one queue reaches one consumer in that order, as long as it is delivered for the first
//! time.

use std::collections::BTreeMap;

use crate::history::Happened;

pub(super) fn check(history: &[Happened]) -> Result<(), String> {
    let mut publishers = BTreeMap::new();
    let mut last = BTreeMap::new();
    for happened in history {
        match happened {
            Happened::Published { id, by, .. } => {
                publishers.insert(*id, *by);
            }
            Happened::Delivered { id, from, to, redelivered: false } => {
                let Some(by) = publishers.get(id) else { continue };
                if let Some(before) = last.insert((*from, *to, *by), *id)
                    && before > *id
                {
                    return Err(format!("message {} came after message {}", id.0, before.0));
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
    use crate::check::testing::{delivered, published};

    #[test]
    fn finds_two_messages_that_changed_places() {
        let ordered = [published(1), published(2), delivered(1, false), delivered(2, false)];
        assert!(check(&ordered).is_ok());
        let swapped = [published(1), published(2), delivered(2, false), delivered(1, false)];
        assert!(check(&swapped).is_err());
        let returned = [published(1), published(2), delivered(2, false), delivered(1, true)];
        assert!(check(&returned).is_ok());
    }
}
