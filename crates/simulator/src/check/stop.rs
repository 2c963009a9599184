//! The server stops by itself only when its disk fails, starts again from what it left, and never panics.

use crate::history::{Happened, Story};

use super::happened;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let (mut faults, mut full) = (0_u32, false);
    for happened in happened(story) {
        match happened {
            Happened::DiskFault => faults += 1,
            Happened::DiskFull(now) => full = *now,
            // Without any room a log cannot even be taken over.
            Happened::Failed(why) if full && why.contains("the disk is full") => {}
            Happened::Failed(why) => match faults.checked_sub(1) {
                // A disk fails once for each time that it was told to.
                Some(left) => faults = left,
                None => return Err(format!("the server stopped for nothing: {why}")),
            },
            Happened::Missing(what) => return Err(format!("{what} was lost in a restart")),
            Happened::Panicked(what) => return Err(format!("panic: {what}")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::story;
    use crate::history::Happened;

    #[test]
    fn finds_a_server_that_stops_for_nothing() {
        let failed = || Happened::Failed("the log".into());
        assert!(check(&story([Happened::DiskFault, failed()])).is_ok());
        assert!(check(&story([failed()])).is_err());
        assert!(check(&story([Happened::DiskFault, failed(), failed()])).is_err());
    }

    #[test]
    fn finds_what_was_lost_in_a_restart() {
        assert!(check(&story([Happened::Started(0)])).is_ok());
        assert!(check(&story([Happened::Missing("queue-0".into())])).is_err());
        assert!(check(&story([Happened::Panicked("index".into())])).is_err());
    }
}
