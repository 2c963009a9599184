//! A script's file: comments, actions, and under each action what came of it.

use core::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The line that names the broker a script was recorded from.
const RECORDED: &str = "# recorded from RabbitMQ ";
/// The line that says which RabbitMQ first behaved like this.
const SINCE: &str = "# since RabbitMQ ";
/// What stands before each line that only our broker answers with.
const OURS: &str = "ours: ";
/// Our broker is silent where RabbitMQ is not.
const NOTHING: &str = "nothing";

/// One script, with its recording.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) path: PathBuf,
    /// Its folder and its stem: `queue/ttl`.
    pub(crate) name: String,
    lines: Vec<Text>,
    pub(crate) steps: Vec<Step>,
    /// The RabbitMQ it was recorded from.
    pub(crate) recorded: Option<String>,
    /// The oldest RabbitMQ that behaves like this; `None` when any does.
    pub(crate) since: Option<(u32, u32)>,
}

/// A line of the file that is no recording.
#[derive(Clone, Debug)]
enum Text {
    /// A comment, or an empty line.
    Remark(String),
    /// The step of this index.
    Step(usize),
}

/// What is done at once, and what came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    /// Lines that go out together; all but the last end with `&` in the file.
    pub(crate) actions: Vec<String>,
    pub(crate) recording: Vec<String>,
    /// What our broker answers where that is deliberately something else.
    pub(crate) ours: Option<Vec<String>>,
}

impl Step {
    /// What our broker must answer.
    pub(crate) fn expected_of_ours(&self) -> &[String] {
        self.ours.as_deref().unwrap_or(&self.recording)
    }
}

impl Script {
    /// Every script below this folder, in the order of their names.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let mut paths = Vec::new();
        collect(folder, &mut paths);
        paths.sort();
        paths.iter().map(|path| Self::read(folder, path)).collect()
    }

    fn read(folder: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a script is text");
        let relative = path.strip_prefix(folder).expect("below the folder").with_extension("");
        let name = relative.to_str().expect("a plain name").to_owned();
        Self::parse(&text, path.to_owned(), name)
    }

    pub(crate) fn parse(text: &str, path: PathBuf, name: String) -> Self {
        let mut script =
            Self { path, name, lines: Vec::new(), steps: Vec::new(), recorded: None, since: None };
        let mut joined = false;
        for line in text.lines() {
            if let Some(answer) = line.strip_prefix("    ") {
                script.answer(answer);
            } else if line.is_empty() || line.starts_with('#') {
                script.remark(line);
            } else {
                if !joined {
                    script.lines.push(Text::Step(script.steps.len()));
                    script.steps.push(Step::default());
                }
                let action = line.strip_suffix(" &").unwrap_or(line);
                joined = action.len() < line.len();
                let step = script.steps.last_mut().expect("just pushed");
                step.actions.push(action.to_owned());
            }
        }
        script
    }

    /// A script that is in no file.
    pub(crate) fn of_steps(name: String, steps: Vec<Step>) -> Self {
        let lines = (0..steps.len()).map(Text::Step).collect();
        Self { path: PathBuf::new(), name, lines, steps, recorded: None, since: None }
    }

    /// The same without one of its steps.
    pub(crate) fn without(&self, step: usize) -> Self {
        let mut steps = self.steps.clone();
        steps.remove(step);
        Self::of_steps(self.name.clone(), steps)
    }

    fn remark(&mut self, line: &str) {
        if let Some(version) = line.strip_prefix(RECORDED) {
            self.recorded = Some(version.to_owned());
            return;
        }
        if let Some(version) = line.strip_prefix(SINCE) {
            self.since = Some(version_of(version));
        }
        self.lines.push(Text::Remark(line.to_owned()));
    }

    fn answer(&mut self, answer: &str) {
        let name = &self.name;
        let step = self.steps.last_mut().unwrap_or_else(|| panic!("{name}: an answer to nothing"));
        match answer.strip_prefix(OURS) {
            Some(NOTHING) => step.ours = Some(Vec::new()),
            Some(ours) => step.ours.get_or_insert_default().push(ours.to_owned()),
            None => step.recording.push(answer.to_owned()),
        }
    }

    /// Whether everybody who uses the broker meanwhile is in its way.
    pub(crate) fn raises_alarms(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.actions).any(|action| action.starts_with("alarm "))
    }

    /// Whether our broker is expected to answer otherwise than RabbitMQ somewhere.
    pub(crate) fn differs(&self) -> bool {
        self.steps.iter().any(|step| step.ours.is_some())
    }

    /// The whole file.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let mut told = self.recorded.as_ref().map(|version| format!("{RECORDED}{version}"));
        for line in &self.lines {
            match line {
                Text::Remark(remark) if remark.starts_with('#') => push(&mut out, remark),
                Text::Remark(remark) => {
                    told.take().iter().for_each(|told| push(&mut out, told));
                    push(&mut out, remark);
                }
                Text::Step(index) => {
                    told.take().iter().for_each(|told| push(&mut out, told));
                    write_step(&self.steps[*index], &mut out);
                }
            }
        }
        out
    }

    /// Writes the file back.
    pub(crate) fn write(&self) {
        fs::write(&self.path, self.text()).expect("the sources can be written");
    }
}

fn write_step(step: &Step, out: &mut String) {
    let last = step.actions.len() - 1;
    for (index, action) in step.actions.iter().enumerate() {
        push(out, &format!("{action}{}", if index < last { " &" } else { "" }));
    }
    for answer in &step.recording {
        push(out, &format!("    {answer}"));
    }
    match step.ours.as_deref() {
        None => {}
        Some([]) => push(out, &format!("    {OURS}{NOTHING}")),
        Some(ours) => ours.iter().for_each(|line| push(out, &format!("    {OURS}{line}"))),
    }
}

fn push(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("strings take text");
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of scripts") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            paths.push(path);
        }
    }
}

/// `4.3` of `4.3.6`.
pub(crate) fn version_of(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
