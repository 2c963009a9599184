//! When faults stop, every client gets the answers it waits for.

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let mut healed = false;
    for happened in happened(story) {
        match happened {
            Happened::Hangs(by, what) => return Err(format!("{by} still waits for {what}")),
            Happened::Healed => healed = true,
            _ => {}
        }
    }
    if healed { Ok(()) } else { Err("the run never came to its end".into()) }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{ALICE, story};
    use crate::history::Happened;

    #[test]
    fn finds_a_client_that_waits_for_ever() {
        assert!(check(&story([Happened::Healed])).is_ok());
        let hangs = Happened::Hangs(ALICE, "the confirm of tag 1".into());
        assert!(check(&story([Happened::Healed, hangs])).is_err());
        assert!(check(&story([])).is_err());
    }
}
