//! What packages bring beside the program.

use core::time::Duration;
use std::fs;
use std::io::Write;
use std::process::Command;

use crate::process;

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    const UNIT: &str = include_str!("../../packaging/warrener.service");
    assert_eq!(UNIT.matches("=/usr/bin/warrener").count(), 2, "{UNIT}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("warrener.service");
    // Where this program is, and not where a package would put it.
    let unit = UNIT.replace("=/usr/bin/warrener", concat!("=", env!("CARGO_BIN_EXE_warrener")));
    fs::write(&file, unit).expect("a file");
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]).arg(&file);
    match process::run(&mut command, Duration::from_secs(60)) {
        Ok(outcome) => assert!(
            outcome.status.success() && outcome.stderr.is_empty(),
            "{}: {}",
            outcome.status,
            outcome.stderr
        ),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "the unit is not looked at: {why}");
        }
    }
}
