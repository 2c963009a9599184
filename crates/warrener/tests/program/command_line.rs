//! What somebody sees who starts the program by hand, rightly or wrongly.

use core::time::Duration;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;

use crate::broker::{Broker, program};
use crate::process::{self, Outcome};

#[test]
fn help_is_worth_reading() {
    let help = run(["--help"]);
    assert!(help.status.success());
    let text = help.text();
    for word in ["--listen", "--data-dir", "guest", "5672", "Usage"] {
        assert!(text.contains(word), "nothing about {word} in\n{text}");
    }
    assert_eq!(help.stderr, "");
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = run(["--version"]);
    assert!(version.status.success());
    assert_eq!(version.text(), format!("warrener {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_bad_option_is_one_clear_line() {
    for (line, said) in [
        (&["--lisen", "127.0.0.1:0"][..], "--listen"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--listen", "localhost:5672"], "as in 127.0.0.1:5672"),
        (&["--listen", "127.0.0.1:99999"], "a port up to 65535"),
        (&["--listen"], "--listen"),
        (&["--handshake-timeout", "soon"], "soon"),
        (&["5672"], "5672"),
    ] {
        assert_refused(run(line), said);
    }
}

#[test]
fn the_doctor_says_of_each_thing_whether_to_change_it() {
    let data = tempfile::tempdir().expect("a folder");
    let look = |limit: &str| {
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {limit}; exec \"$0\" doctor"));
        shell.arg(env!("CARGO_BIN_EXE_warrener")).env("WARRENER_CONFIG", "");
        shell.env("WARRENER_DATA_DIR", data.path()).env("WARRENER_DISK_FREE_LIMIT", "1");
        shell.env("WARRENER_MAX_CONNECTIONS", "100");
        process::run(&mut shell, Duration::from_secs(20)).expect("an end")
    };
    let good = look("300");
    assert!(good.status.success(), "{}{}", good.text(), good.stderr);
    for word in ["open files", "clock", "data directory", "disk"] {
        assert!(good.text().contains(&format!("good   {word}")), "{}", good.text());
    }
    let bad = look("64");
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        bad.text().contains("change open files") && bad.text().contains("LimitNOFILE"),
        "{}",
        bad.text()
    );
    assert!(bad.stderr.contains("1 things to change"), "{}", bad.stderr);
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("UTF-8");
    assert_refused(run(["--listen", &address, "--data-dir", folder]), &address);
}

#[test]
fn a_data_directory_that_cannot_be_used_is_one_clear_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "here first").expect("a file");
    for path in [file.clone(), file.join("below")] {
        let path = path.to_str().expect("UTF-8");
        assert_refused(run(["--listen", "127.0.0.1:0", "--data-dir", path]), path);
    }
    assert_eq!(fs::read_to_string(&file).expect("still there"), "here first");
}

#[test]
fn a_data_directory_has_one_broker() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("UTF-8");
    let first = Broker::start_in(data.path());
    assert_refused(run(["--listen", "127.0.0.1:0", "--data-dir", folder]), folder);
    drop(first);
    Broker::start_in(data.path());
}

#[test]
fn the_default_data_directory_is_made_and_printed() {
    let home = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_at_home(home.path());
    let expected = home.path().join("warrener");
    assert!(expected.is_dir(), "{}", broker.log());
    broker.expect_log(expected.to_str().expect("UTF-8"));
}

#[test]
fn it_tells_where_it_listens_and_that_it_is_ready() {
    let broker = Broker::start_with(&["--listen", "127.0.0.1:0"]);
    let [first, second] = broker.addresses()[..] else {
        panic!("two addresses, not {:?}", broker.addresses())
    };
    assert_ne!(first, second);
    for address in [first, second] {
        std::net::TcpStream::connect(address).expect("somebody listens");
    }
}

#[test]
fn without_options_it_listens_on_the_usual_port_of_this_machine_only() {
    match Broker::start_where_it_likes() {
        Ok(broker) => {
            let usual = ["127.0.0.1:5672", "[::1]:5672"].map(|text| text.parse().expect("valid"));
            assert!(broker.addresses().contains(&usual[0]), "{}", broker.log());
            assert!(broker.addresses().iter().all(|address| usual.contains(address)));
        }
        // Another broker runs here; then it must say so.
        Err(said) => assert!(said.contains(":5672") && said.contains("--listen"), "{said}"),
    }
}

#[test]
fn an_idle_broker_is_small() {
    let broker = Broker::start();
    let kib = broker.resident_bytes() / 1024;
    // A good part of it is the code of an unoptimised program.
    assert!(kib < 24 * 1024, "{kib} KiB resident");
}

/// Runs the program to its end.
fn run(line: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Outcome {
    process::run(program().args(line), Duration::from_secs(20)).expect("an end")
}

/// Expects one line that says what is wrong, nothing else, and an exit code that says so too.
#[track_caller]
fn assert_refused(outcome: Outcome, said: &str) {
    let complaint = &outcome.stderr;
    assert_eq!(outcome.status.code(), Some(1), "{complaint}");
    let lines: Vec<&str> =
        complaint.lines().filter(|line| line.starts_with("warrener: ")).collect();
    let [line] = lines[..] else { panic!("one line that begins with `warrener: `:\n{complaint}") };
    assert!(line.contains(said), "nothing about `{said}` in `{line}`");
    assert_eq!(outcome.text(), "");
}
