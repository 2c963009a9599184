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

#[test]
fn the_container_is_set_up_in_words_that_the_program_knows() {
    const FILE: &str = include_str!("../../packaging/Containerfile");
    let words = || FILE.split(|own: char| own.is_whitespace());
    let settings: Vec<(&str, &str)> = words()
        .filter(|own| own.starts_with("WARRENER_"))
        .filter_map(|own| own.split_once('='))
        .collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_warrener"));
    command.args(["config", "show"]).envs(settings.iter().copied());
    let shown = process::run(&mut command, Duration::from_secs(60)).expect("it runs");
    assert!(shown.status.success(), "{}", shown.stderr);
    let shown = shown.text();
    for (_, value) in settings.iter().filter(|(name, _)| *name != "WARRENER_DATA_DIR") {
        for address in value.split(',') {
            assert!(shown.contains(address), "{address} in {shown}");
            let port = address.rsplit(':').next().expect("a port");
            assert!(words().any(|own| own == port), "{port} is exposed");
        }
    }
    // RabbitMQ's image with its management: clients, management, metrics.
    for port in ["5672", "15672", "15692"] {
        assert!(settings.iter().any(|(_, value)| value.ends_with(&format!(":{port}"))), "{port}");
    }
}
