//! A message is confirmed once, and not before it was published.

use std::collections::BTreeSet;

use crate::history::Happened;

pub(super) fn check(history: &[Happened]) -> Result<(), String> {
    let mut waiting = BTreeSet::new();
    for happened in history {
        match happened {
            Happened::Published { id, .. } => {
                waiting.insert(*id);
            }
            Happened::Confirmed { id, .. } if !waiting.remove(id) => {
                return Err(format!("message {} is confirmed and did not wait for it", id.0));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{confirmed, published};

    #[test]
    fn finds_a_second_confirm() {
        assert!(check(&[published(1), confirmed(1)]).is_ok());
        assert!(check(&[published(1), confirmed(1), confirmed(1)]).is_err());
        assert!(check(&[confirmed(1)]).is_err());
    }
}
