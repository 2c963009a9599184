//! Requests are answered in their order and with their answers, and nobody is thrown out who did nothing wrong.

use std::collections::BTreeSet;

use crate::history::{Happened, Story};

use super::happened;
use super::terms::Terms;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let (mut faults, mut revoked) = (false, false);
    let (mut visitors, mut gone) = (BTreeSet::new(), BTreeSet::new());
    let may_refuse = Terms::of(story).any_refuses();
    for happened in happened(story) {
        match happened {
            // A commit that a full queue refuses ends the channel.
            Happened::Refused { code: 406, text, .. }
                if text.contains("partial tx completion") && may_refuse => {}
            // A server whose disk has failed says so as long as it can.
            Happened::Refused { code: 541, .. } if faults => {}
            // Whoever has lost a right is told so, then or when it is back already.
            Happened::Refused { by, code: 403, .. } if revoked && visitors.contains(by) => {}
            // A queue that comes and goes may be gone when somebody asks for it.
            Happened::Refused { code: 404, text, .. }
                if gone.iter().any(|it| text.contains(it)) => {}
            Happened::Deleting { queue, .. } => {
                gone.insert(format!("'queue-{}'", queue.0));
            }
            Happened::Revoking => revoked = true,
            Happened::Visits(by) => {
                visitors.insert(*by);
            }
            Happened::DiskFault => faults = true,
            Happened::Refused { by, code, text } => {
                return Err(format!("{by} was thrown out for nothing: {code} {text}"));
            }
            Happened::Odd(what) => return Err(what.clone()),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{ALICE, QUEUE, published, story};
    use crate::history::Happened;

    #[test]
    fn finds_a_client_that_is_thrown_out() {
        assert!(check(&story([published(1), Happened::Ended(ALICE)])).is_ok());
        let refused = Happened::Refused { by: ALICE, code: 406, text: "why".into() };
        assert!(check(&story([published(1), refused])).is_err());
        let unknown = |number| {
            let text = format!("NOT_FOUND - no queue 'queue-{number}' in vhost '/'");
            Happened::Refused { by: ALICE, code: 404, text }
        };
        let deleting = || Happened::Deleting { by: ALICE, queue: QUEUE };
        assert!(check(&story([deleting(), unknown(0)])).is_ok());
        assert!(check(&story([deleting(), unknown(1)])).is_err());
        assert!(check(&story([Happened::Odd("an answer to nothing".into())])).is_err());
    }
}
