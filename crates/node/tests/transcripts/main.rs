//! What clients see: scripts recorded from RabbitMQ, and our broker's answers beside them. See README.md.

mod client;
mod explore;
mod line;
mod live;
mod names;
mod ours;
mod script;
mod session;
mod show;
mod verbs;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::live::{Live, Place};
use crate::ours::Ours;
use crate::script::{Script, version_of};
use crate::session::Session;

/// How many scripts there are at least.
const SCRIPTS: usize = 480;
/// How many scripts run at once against a live broker; each has a virtual host of its own.
const VHOSTS: [&str; 6] = ["T", "U", "V", "W", "X", "Y"];

fn scripts() -> Vec<Script> {
    let all = Script::all(&folder());
    let wanted = variable("WARRENER_TEST_SCRIPTS").unwrap_or_default();
    all.into_iter().filter(|script| script.name.contains(&wanted)).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/scripts")
}

#[expect(clippy::disallowed_methods, reason = "a person chooses what these tests do")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn our_broker_answers_as_recorded() {
    let writes = variable("WARRENER_TEST_DIFFERENCES").is_some();
    let mut complaints = Vec::new();
    for mut script in scripts() {
        let answers = Session::new(&mut Ours::new()).run(&script);
        if writes {
            for (step, answer) in script.steps.iter_mut().zip(answers) {
                step.ours = (step.recording != answer).then_some(answer);
            }
            script.write();
            continue;
        }
        for (step, answer) in script.steps.iter().zip(&answers) {
            if step.expected_of_ours() != *answer {
                complaints.push(complaint(&script, &step.actions, step.expected_of_ours(), answer));
            }
        }
    }
    assert!(complaints.is_empty(), "{} steps differ\n{}", complaints.len(), complaints.concat());
}

#[test]
fn the_broker_that_somebody_names_answers_as_recorded() {
    let Some(uri) = variable("WARRENER_TEST_URI") else {
        let _ = writeln!(std::io::stderr(), "WARRENER_TEST_URI names no broker to compare with");
        return;
    };
    let place = place(&uri);
    let records = variable("WARRENER_TEST_RECORD").is_some();
    let version = Live::version(&place);
    let is_older = |script: &Script| script.since.is_some_and(|since| version_of(&version) < since);
    let (alarming, scripts): (Vec<Script>, Vec<Script>) =
        scripts().into_iter().filter(|script| !is_older(script)).partition(Script::raises_alarms);
    let mut complaints = in_each_vhost(scripts.len(), |vhost, index| {
        run_live(Live::new(&place, vhost, records, None), &version, &scripts[index])
    });
    // An alarm is everybody's, so these run alone.
    let ctl = variable("WARRENER_TEST_CTL");
    for script in alarming.iter().filter(|_| ctl.is_some()) {
        let live = Live::new(&place, VHOSTS[0], records, ctl.clone());
        complaints.extend(run_live(live, &version, script));
    }
    assert!(complaints.is_empty(), "{} steps differ\n{}", complaints.len(), complaints.concat());
}

fn run_live(mut live: Live, version: &str, script: &Script) -> Vec<String> {
    let answers = Session::new(&mut live).run(script);
    if live.records {
        let mut script = script.clone();
        script.recorded = Some(version.to_owned());
        for (step, answer) in script.steps.iter_mut().zip(answers) {
            step.recording = answer;
            if step.ours.as_ref() == Some(&step.recording) {
                step.ours = None;
            }
        }
        script.write();
        return Vec::new();
    }
    let steps = script.steps.iter().zip(&answers);
    let differ = steps.filter(|(step, answer)| step.recording != **answer);
    differ.map(|(step, answer)| complaint(script, &step.actions, &step.recording, answer)).collect()
}

fn compare(place: &Place, vhost: &str, script: &Script) -> Vec<String> {
    run_live(Live::new(place, vhost, false, None), "", script)
}

/// As many seeds as WARRENER_TEST_EXPLORE says, from the one that WARRENER_TEST_SEED names on.
#[test]
fn the_broker_that_somebody_names_agrees_about_what_nobody_wrote() {
    let (Some(uri), Some(seeds)) = (variable("WARRENER_TEST_URI"), number("WARRENER_TEST_EXPLORE"))
    else {
        let _ = writeln!(std::io::stderr(), "WARRENER_TEST_EXPLORE asks for no exploration");
        return;
    };
    let place = place(&uri);
    let first = number("WARRENER_TEST_SEED").unwrap_or(1);
    let found = in_each_vhost(seeds as usize, |vhost, index| {
        let seed = first + index as u64;
        let script = explore::invent(seed);
        let difference = compare(&place, vhost, &script).concat();
        if difference.is_empty() {
            return Vec::new();
        }
        let _ =
            writeln!(std::io::stderr(), "seed {seed} differs, and is made smaller\n{difference}");
        vec![smallest(&place, vhost, script).text()]
    });
    assert!(found.is_empty(), "{} conversations differ\n{}", found.len(), found.join("\n"));
}

/// Leaves out what makes no difference.
fn smallest(place: &Place, vhost: &str, mut script: Script) -> Script {
    let mut step = script.steps.len();
    while step > 0 {
        step -= 1;
        let mut smaller = script.without(step);
        explore::answer(&mut smaller);
        if !compare(place, vhost, &smaller).is_empty() {
            script = smaller;
        }
    }
    script
}

/// Does `count` things, several at once, each in a virtual host of its own; gives all that they found.
fn in_each_vhost(
    count: usize,
    work: impl Fn(&'static str, usize) -> Vec<String> + Sync,
) -> Vec<String> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for vhost in VHOSTS {
            let (next, found, work) = (&next, &found, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let new = work(vhost, index);
                    found.lock().expect("no panic").extend(new);
                }
            });
        }
    });
    found.into_inner().expect("no panic")
}

fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().expect("a number"))
}

fn complaint(
    script: &Script,
    actions: &[String],
    expected: &[String],
    answer: &[String],
) -> String {
    let list = |mark: &str, lines: &[String]| -> String {
        lines.iter().map(|line| format!("    {mark} {line}\n")).collect()
    };
    let actions: String = actions.iter().map(|action| format!("{action}\n")).collect();
    format!("{}:\n{actions}{}{}", script.name, list("-", expected), list("+", answer))
}

/// `amqp://HOST:PORT`; the management interface is 10,000 ports above.
fn place(uri: &str) -> Place {
    let rest = uri.strip_prefix("amqp://").expect("amqp://HOST:PORT");
    let rest = rest.rsplit('@').next().expect("a host");
    let (host, port) = rest.trim_end_matches('/').split_once(':').unwrap_or((rest, "5672"));
    let port: u16 = port.parse().expect("a port");
    Place { host: host.to_owned(), port, management: port + 10_000 }
}

#[test]
fn every_script_was_recorded() {
    let all = Script::all(&folder());
    assert!(all.len() >= SCRIPTS, "{} scripts", all.len());
    let missing: Vec<&str> = all
        .iter()
        .filter(|script| script.recorded.as_deref().is_none_or(|of| version_of(of) != (4, 3)))
        .map(|script| script.name.as_str())
        .collect();
    assert!(missing.is_empty(), "not recorded from RabbitMQ 4.3: {missing:?}");
}

#[test]
fn writing_a_script_back_changes_nothing() {
    for script in Script::all(&folder()) {
        let text = fs::read_to_string(&script.path).expect("a script is text");
        assert_eq!(text, script.text(), "{}", script.name);
    }
}

#[test]
fn every_deliberate_difference_is_listed_with_its_reason() {
    let page =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/differences-from-rabbitmq.md");
    let page = fs::read_to_string(page).expect("a page");
    let listed: BTreeSet<&str> =
        page.split('`').skip(1).step_by(2).filter(|word| word.contains('/')).collect();
    let all = Script::all(&folder());
    let different: BTreeSet<&str> =
        all.iter().filter(|script| script.differs()).map(|script| script.name.as_str()).collect();
    let unlisted: Vec<_> = different.difference(&listed).collect();
    assert!(unlisted.is_empty(), "not in docs/differences-from-rabbitmq.md: {unlisted:?}");
    let known: BTreeSet<&str> = all.iter().map(|script| script.name.as_str()).collect();
    let same: Vec<_> =
        listed.intersection(&known).filter(|name| !different.contains(**name)).collect();
    assert!(same.is_empty(), "listed, and yet no different: {same:?}");
    let gone: Vec<_> = listed.difference(&known).collect();
    assert!(gone.is_empty(), "listed, and no script: {gone:?}");
}
