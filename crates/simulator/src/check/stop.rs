//! The server stops by itself only when its disk fails, starts again from what it left, and never panics.

use core::time::Duration;

use warrener_time::Time;

use crate::history::{Happened, Story};

/// How long it takes at most from a failure of the disk until the server has ended.
const TELLING: Duration = Duration::from_secs(10);

pub(super) fn check(story: &Story) -> Result<(), String> {
    let (mut faults, mut full_until, mut healed) = (0_u32, None, None);
    for moment in &story.moments {
        // A server that has failed still tells its clients for a while.
        let told = |since: Time| moment.at <= since + TELLING;
        match &moment.what {
            Happened::DiskFault => faults += 1,
            Happened::Healed => healed = Some(moment.at),
            Happened::DiskFull(true) => full_until = Some(Time::MAX),
            Happened::DiskFull(false) => full_until = full_until.map(|_| moment.at),
            // Without any room a log cannot even be taken over.
            Happened::Failed(why)
                if full_until.is_some_and(told) && why.contains("the disk is full") => {}
            Happened::Failed(why) if healed.is_some_and(|at| !told(at)) => {
                return Err(format!("the server stopped though its disk was sound: {why}"));
            }
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
        // It takes a moment until a failure is told of, and no longer.
        let told = |quiet| {
            let others = core::iter::repeat_n(Happened::Quiet, quiet);
            let begun = [Happened::DiskFault, Happened::Healed].into_iter();
            check(&story(begun.chain(others).chain([failed()])))
        };
        assert!(told(9).is_ok());
        assert!(told(10).is_err());
    }

    #[test]
    fn finds_a_server_that_says_its_disk_is_full_when_it_is_not() {
        let full = || Happened::Failed("the disk is full: sealing".into());
        let told = |quiet, last: &[Happened]| {
            let others = core::iter::repeat_n(Happened::Quiet, quiet);
            let begun = [Happened::DiskFull(true), Happened::DiskFull(false)];
            check(&story(begun.into_iter().chain(others).chain(last.to_vec())))
        };
        assert!(told(9, &[full()]).is_ok());
        assert!(told(10, &[full()]).is_err());
        assert!(told(30, &[Happened::DiskFull(true), full()]).is_ok());
        assert!(check(&story([full()])).is_err());
    }

    #[test]
    fn finds_what_was_lost_in_a_restart() {
        assert!(check(&story([Happened::Started(0)])).is_ok());
        assert!(check(&story([Happened::Missing("queue-0".into())])).is_err());
        assert!(check(&story([Happened::Panicked("index".into())])).is_err());
    }
}
