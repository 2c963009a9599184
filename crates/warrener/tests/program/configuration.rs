//! Settings from outside: that each does what it says, wherever it is said, and that mistakes are told.

use core::time::Duration;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::broker::{Broker, program};
use crate::process::{self, Outcome};

/// Every setting, and the test that sees it do what it says: its file, and its name. A key that is missing here fails
/// `every_setting_is_seen_to_do_what_it_says`.
const SEEN: &[(&str, &str, &str)] = &[
    ("listen", COMMAND_LINE, "it_tells_where_it_listens_and_that_it_is_ready"),
    ("management", MANAGEMENT, "pages_columns_sorting_and_errors_are_those_of_rabbitmq"),
    ("management_tls", TLS, "the_management_api_speaks_over_tls_with_the_same_certificates"),
    (
        "definitions",
        DEFINITIONS,
        "a_file_of_definitions_is_taken_at_every_start_and_does_nothing_the_second_time",
    ),
    ("metrics", MANAGEMENT, "metrics_are_prometheus_text_with_rabbitmqs_names"),
    ("control_socket", CTL, "the_socket_is_where_it_was_asked_for_and_for_nobody_else"),
    ("proxy_from", PROXY, "a_trusted_balancer_is_believed_and_its_own_address_lets_nobody_in"),
    ("max_connections", FLOODS, "a_crowd_of_connections_waits_its_turn_and_costs_no_memory"),
    ("max_connections_per_source", FLOODS, "one_address_has_no_more_connections_than_it_may"),
    ("limits.channels_per_connection", LIMITS, "limits_of_channels_are_as_set"),
    ("limits.channels_per_user", LIMITS, "limits_of_channels_are_as_set"),
    ("limits.consumers_per_channel", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.consumers_per_connection", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.arguments_size", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.names_per_vhost", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.bindings_per_target", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.bindings_per_exchange", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.binding_memory_per_vhost", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.queues_per_vhost", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.bindings_per_vhost", LIMITS, "limits_within_a_connection_are_as_set"),
    ("limits.transaction_entries", LIMITS, "limits_of_transactions_are_as_set"),
    ("limits.transaction_size", LIMITS, "limits_of_transactions_are_as_set"),
    ("limits.connections_per_user", LIMITS, "limits_of_connections_are_as_set"),
    ("limits.connections_per_vhost", LIMITS, "limits_of_connections_are_as_set"),
    (
        "web_socket.listen",
        WEB_SOCKET,
        "messages_of_any_size_go_through_web_sockets_bare_and_over_tls",
    ),
    (
        "web_socket.tls_listen",
        WEB_SOCKET,
        "messages_of_any_size_go_through_web_sockets_bare_and_over_tls",
    ),
    ("tls.cert", TLS, "openssl_is_shown_the_certificate_of_the_server_it_asks_for"),
    ("tls.key", TLS, "openssl_is_shown_the_certificate_of_the_server_it_asks_for"),
    ("tls.listen", TLS, "openssl_is_shown_the_certificate_of_the_server_it_asks_for"),
    ("tls.client_ca", TLS, "a_client_must_show_a_good_certificate_where_that_is_required"),
    (
        "tls.client_certificates",
        TLS,
        "a_client_must_show_a_good_certificate_where_that_is_required",
    ),
    (
        "tls.login_from",
        TLS,
        "a_certificate_logs_in_whom_it_names_and_a_client_without_one_is_not_offered_that",
    ),
    ("data_dir", HERE, "a_file_the_environment_and_options_weigh_more_in_this_order"),
    ("memory_only", HERE, "memory_only_leaves_nothing_on_disk"),
    ("dev", LOGIN, "a_broker_for_developing_lets_anybody_in_and_says_so"),
    ("sync", FAULTS, "where_the_disk_is_not_waited_for_a_confirm_comes_with_the_write"),
    ("disk_free_limit", DISK, "publishers_wait_for_room_and_consumers_make_it_without_a_restart"),
    ("memory_budget", BACKLOG, "a_backlog_larger_than_memory_stays_out_of_it"),
    ("user", LOGIN, "guest_comes_from_this_machine_only"),
    ("user_file", LOGIN, "users_come_from_a_file"),
    (
        "password_hashing",
        MANAGEMENT,
        "passwords_are_kept_by_argon2id_where_asked_and_exports_say_so",
    ),
    ("remote_guest", LOGIN, "a_broker_for_developing_lets_anybody_in_and_says_so"),
    ("anonymous", LOGIN, "a_broker_for_developing_lets_anybody_in_and_says_so"),
    ("default_vhost", LOGIN, "the_default_virtual_host_is_the_one_there_is"),
    ("server_property", RELOAD, "what_may_change_changes_for_those_who_come_after"),
    ("handshake_timeout", RELOAD, "what_may_change_changes_for_those_who_come_after"),
    ("shutdown_timeout", SHUTDOWN, "a_client_that_does_not_answer_cannot_hold_it"),
    ("log", RELOAD, "what_may_change_changes_for_those_who_come_after"),
    ("log_format", LOG, "lines_are_objects_where_that_is_wanted"),
];

const BACKLOG: &str = include_str!("backlog.rs");
const COMMAND_LINE: &str = include_str!("command_line.rs");
const CTL: &str = include_str!("ctl.rs");
const DEFINITIONS: &str = include_str!("definitions.rs");
const DISK: &str = include_str!("disk.rs");
const FAULTS: &str = include_str!("../../../node/tests/faults.rs");
const FLOODS: &str = include_str!("floods.rs");
const HERE: &str = include_str!("configuration.rs");
const LIMITS: &str = include_str!("limits.rs");
const LOG: &str = include_str!("log.rs");
const LOGIN: &str = include_str!("login.rs");
const RELOAD: &str = include_str!("reload.rs");
const MANAGEMENT: &str = include_str!("management.rs");
const PROXY: &str = include_str!("proxy_protocol.rs");
const TLS: &str = include_str!("tls.rs");
const WEB_SOCKET: &str = include_str!("web_socket.rs");
const SHUTDOWN: &str = include_str!("shutdown.rs");

#[test]
fn every_setting_is_seen_to_do_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(&folder, "memory_only = true");
    let shown = run(&["config", "show", file.to_str().expect("UTF-8")]).text();
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in shown.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else {
            let name = line.trim_start_matches("# ").split(' ').next().expect("a name");
            keys.push(format!("{section}{name}"));
        }
    }
    assert_eq!(keys.len(), SEEN.len(), "{shown}");
    for key in keys {
        let seen = SEEN.iter().find(|(name, ..)| *name == key);
        let (_, file, test) = seen.unwrap_or_else(|| panic!("no test sees what {key} does"));
        assert!(file.contains(&format!("fn {test}(")), "{key}: there is no test {test}");
    }
}

#[test]
fn a_file_the_environment_and_options_weigh_more_in_this_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let [of_file, of_variable, of_option] = ["f", "v", "o"].map(|name| folder.path().join(name));
    let file =
        write(&folder, &format!("listen = ['127.0.0.1:0']\ndata_dir = '{}'\n", of_file.display()));
    Broker::start_configured(|command| {
        command.arg("--config").arg(&file);
    });
    assert!(of_file.is_dir() && !of_variable.exists());
    Broker::start_configured(|command| {
        command.env("WARRENER_CONFIG", &file).env("WARRENER_DATA_DIR", &of_variable);
    });
    assert!(of_variable.is_dir() && !of_option.exists());
    Broker::start_configured(|command| {
        command.arg("--config").arg(&file).env("WARRENER_DATA_DIR", &of_variable);
        command.arg("--data-dir").arg(&of_option);
    });
    assert!(of_option.is_dir());
}

#[test]
fn a_file_at_its_usual_place_is_found() {
    let home = tempfile::tempdir().expect("a folder");
    let place = home.path().join(".config/warrener");
    fs::create_dir_all(&place).expect("a folder");
    fs::write(place.join("warrener.toml"), "listen = ['127.0.0.1:0']\nmemory_only = true")
        .expect("a file");
    let broker = Broker::start_configured(|command| {
        command
            .env("HOME", home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("WARRENER_CONFIG");
    });
    broker.expect_log("warrener.toml");
}

#[test]
fn memory_only_leaves_nothing_on_disk() {
    let home = tempfile::tempdir().expect("a folder");
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0"]);
        command.env("HOME", home.path()).env("XDG_DATA_HOME", home.path());
    });
    broker.expect_log("in memory only");
    assert_eq!(fs::read_dir(home.path()).expect("a folder").count(), 0);
}

#[test]
fn check_tells_every_mistake_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(
        &folder,
        "lisen = 'x'\nmemory_only = true\n\nhandshake_timeout = 'soon'\nuser = 'hunter2'\n",
    );
    let checked = run(&["config", "check", file.to_str().expect("UTF-8")]);
    assert_eq!(checked.status.code(), Some(1));
    let lines: Vec<&str> = checked.stderr.lines().collect();
    let [unknown, timeout, user] = lines[..] else { panic!("{lines:?}") };
    for (line, words) in [
        (unknown, ["line 1", "did you mean listen?"]),
        (timeout, ["line 4", "handshake_timeout"]),
        (user, ["line 5", "NAME:PASSWORD"]),
    ] {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert!(!checked.stderr.contains("hunter2"));

    let started = run(&["--config", file.to_str().expect("UTF-8")]);
    assert_eq!(
        (started.status.code(), started.stderr.lines().count()),
        (Some(1), 1),
        "{}",
        started.stderr
    );
    assert!(started.stderr.contains("2 more"), "{}", started.stderr);

    let good = write(&folder, "memory_only = true\n");
    let checked = run(&["config", "check", good.to_str().expect("UTF-8")]);
    assert!(checked.status.success() && checked.text().contains("in order"), "{}", checked.stderr);
}

#[test]
fn a_file_that_is_not_there_is_one_clear_line() {
    let missing = run(&["--config", "/nowhere/w.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(missing.stderr.contains("/nowhere/w.toml") && missing.stderr.lines().count() == 1);
}

#[test]
fn a_variable_that_means_nothing_is_warned_of() {
    let broker = Broker::start_configured(|command| {
        command.args(["--memory-only", "--listen", "127.0.0.1:0"]).env("WARRENER_LISEN", "1");
    });
    broker.expect_log("did you mean WARRENER_LISTEN?");
}

fn write(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("warrener.toml");
    fs::write(&path, text).expect("a file");
    path
}

/// Runs the program to its end.
fn run(line: &[impl AsRef<OsStr>]) -> Outcome {
    process::run(program().args(line), Duration::from_secs(20)).expect("an end")
}
