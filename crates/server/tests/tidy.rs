//! The house style as far as a machine can read it; `docs/style.md` has the reasons.
//!
//! Every file of the project is read once. Each test below is one rule, and names file, line and
//! rule when it fails. The last test feeds each rule a file that breaks it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::{LineColumn, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines a source file may have, its tests not counted.
const MAX_FILE_LINES: usize = 500;

/// Lines a function may have, from its signature to its closing brace.
const MAX_FUNCTION_LINES: usize = 70;

/// Names that say nothing about what is inside.
const VAGUE_NAMES: &[&str] =
    &["base", "common", "helper", "helpers", "manager", "misc", "shared", "stuff", "util", "utils"];

/// Words that belong to somebody's machine, or to a note somebody meant to come back to.
const FORBIDDEN_WORDS: &[&str] = &[
    "/home/",
    "/root/",
    "/work/",
    "FIXME",
    "TODO",
    "XXX",
    "files.pythonhosted.org",
    "index.crates.io",
    "pypi.org",
    "registry.npmjs.org",
    "static.crates.io",
];

/// Crates that promise `no_std`.
const NO_STD: &[&str] = &["time", "codec", "connection", "router", "queue", "broker", "endpoint"];

/// Modules of the standard library that reach into the world.
const WORLD: &[&str] = &["env", "fs", "net", "os", "process", "thread", "time"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    LongFile,
    LongFunction,
    VagueName,
    ForbiddenWord,
    SilencedLint,
    SkippedTest,
    UnsafeNotForbidden,
    NotNoStd,
    ReachesIntoTheWorld,
    LintsNotInherited,
    FrontPage,
    DeadLink,
    Changelog,
}

/// Rule, file, line and what is wrong there.
struct Complaint {
    rule: Rule,
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {:?}: {}", self.path, self.line, self.rule, self.what)
    }
}

static COMPLAINTS: LazyLock<Vec<Complaint>> = LazyLock::new(|| {
    let root = root();
    let mut complaints = Vec::new();
    for path in files_below(&root) {
        let relative = path.strip_prefix(&root).expect("a path below the root");
        if let Ok(text) = fs::read_to_string(&path) {
            judge(relative.to_str().expect("UTF-8 paths"), &text, &mut complaints);
        }
    }
    complaints
});

#[track_caller]
fn assert_none_of(rule: Rule) {
    let broken: Vec<String> = COMPLAINTS
        .iter()
        .filter(|complaint| complaint.rule == rule)
        .map(ToString::to_string)
        .collect();
    assert!(broken.is_empty(), "see docs/style.md\n{}\n", broken.join("\n"));
}

#[test]
fn a_file_tells_one_story() {
    assert_none_of(Rule::LongFile);
}

#[test]
fn a_function_fits_on_a_screen() {
    assert_none_of(Rule::LongFunction);
}

#[test]
fn names_say_what_is_inside() {
    assert_none_of(Rule::VagueName);
}

#[test]
fn nothing_is_left_for_later_or_bound_to_a_machine() {
    assert_none_of(Rule::ForbiddenWord);
}

#[test]
fn lints_are_expected_with_a_reason_not_allowed() {
    assert_none_of(Rule::SilencedLint);
}

#[test]
fn no_test_is_skipped() {
    assert_none_of(Rule::SkippedTest);
}

#[test]
fn every_library_forbids_unsafe_code() {
    assert_none_of(Rule::UnsafeNotForbidden);
}

#[test]
fn low_layers_do_without_the_standard_library() {
    assert_none_of(Rule::NotNoStd);
}

#[test]
fn nothing_below_the_server_reaches_into_the_world() {
    assert_none_of(Rule::ReachesIntoTheWorld);
}

#[test]
fn every_crate_inherits_the_lints() {
    assert_none_of(Rule::LintsNotInherited);
}

#[test]
fn every_crate_has_a_front_page_with_an_example_that_compiles() {
    assert_none_of(Rule::FrontPage);
}

#[test]
fn every_page_that_is_mentioned_exists() {
    assert_none_of(Rule::DeadLink);
}

#[test]
fn the_changelog_says_what_is_unreleased() {
    assert_none_of(Rule::Changelog);
}

#[test]
fn every_fuzz_target_is_built_and_every_corpus_is_used() {
    let fuzz = root().join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("fuzz/Cargo.toml");
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(fuzz.join(folder)).expect("a folder of fuzz");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets = names("fuzz_targets");
    let page = fs::read_to_string(fuzz.join("README.md")).expect("fuzz/README.md");
    let corpora = names("corpus");
    for target in &targets {
        assert!(page.contains(&format!("| `{target}` |")), "fuzz/README.md is silent on {target}");
        assert!(corpora.contains(target), "{target} has no corpus, so no test runs it");
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not built");
    }
    for corpus in corpora {
        assert!(targets.contains(&corpus), "fuzz/corpus/{corpus} belongs to no target");
    }
}

#[test]
fn each_rule_can_be_broken() {
    let long_function = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(MAX_FUNCTION_LINES));
    let long_file = "const A: u8 = 1;\n".repeat(MAX_FILE_LINES + 1);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{long_file}}}\n");
    let silenced = "#[cfg_attr(test, allow(dead_code))]\nfn f() {}\n";
    let skipped = "mod tests {\n    #[test]\n    #[ignore = \"slow\"]\n    fn f() {}\n}\n";
    let world = "use std::{collections::BTreeMap, time::Instant};\n";
    let (lib, manifest) = ("crates/queue/src/lib.rs", "crates/queue/Cargo.toml");
    let source = "crates/queue/src/ready.rs";
    for (rule, path, text) in [
        (Rule::LongFile, source, long_file.as_str()),
        (Rule::LongFunction, source, &long_function),
        (Rule::VagueName, "crates/queue/src/utils.rs", ""),
        (Rule::VagueName, "crates/queue/src/common/ready.rs", ""),
        (Rule::ForbiddenWord, ".ci/run", "cd /root/x\n"),
        (Rule::SilencedLint, source, silenced),
        (Rule::SkippedTest, source, skipped),
        (Rule::UnsafeNotForbidden, lib, "#![no_std]\nfn f() {}\n"),
        (Rule::NotNoStd, lib, "#![forbid(unsafe_code)]\nfn f() {}\n"),
        (Rule::ReachesIntoTheWorld, source, world),
        (Rule::ReachesIntoTheWorld, source, "fn f() -> std::env::Args { todo() }\n"),
        (Rule::LintsNotInherited, manifest, "[package]\nname = \"x\"\n"),
        (Rule::FrontPage, "crates/time/README.md", "# A crate\n\nNo example.\n"),
        (Rule::FrontPage, lib, "fn f() {}\n"),
        (Rule::DeadLink, "README.md", "[gone](docs/gone.md)\n"),
        (Rule::DeadLink, source, "// see docs/no-such-page.md\n"),
        (Rule::Changelog, "CHANGELOG.md", "# Changelog\n\n## 0.1.0\n\nAll.\n"),
    ] {
        let mut complaints = Vec::new();
        judge(path, text, &mut complaints);
        assert!(complaints.iter().any(|complaint| complaint.rule == rule), "{rule:?} cannot fail");
    }
    let mut complaints = Vec::new();
    judge(source, &tests, &mut complaints);
    assert!(complaints.is_empty(), "the lines of tests do not count: {}", complaints[0]);
}

/// Applies every rule to one file; `path` is relative to the project's root.
fn judge(path: &str, text: &str, out: &mut Vec<Complaint>) {
    let mut file = File { path, out };
    file.judge_name();
    file.judge_links(text);
    if !path.ends_with("tests/tidy.rs") {
        file.judge_words(text);
    }
    let name = path.rsplit('/').next().expect("a name");
    match name {
        "README.md" if is_front_page(path) && !example_of(text, path) => {
            file.complain(Rule::FrontPage, 1, "the README shows no example");
        }
        "Cargo.toml" if in_workspace(path) && !inherits_lints(text) => {
            file.complain(Rule::LintsNotInherited, 1, "needs [lints] workspace = true");
        }
        "CHANGELOG.md" => file.judge_changelog(text),
        _ if name.ends_with(".rs") => file.judge_source(text),
        _ => {}
    }
}

struct File<'a> {
    path: &'a str,
    out: &'a mut Vec<Complaint>,
}

impl File<'_> {
    fn complain(&mut self, rule: Rule, line: usize, what: impl Into<String>) {
        self.out.push(Complaint { rule, path: self.path.to_owned(), line, what: what.into() });
    }

    /// The crate this file is source (not test) code of, if it is.
    fn layer(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once("/src/").map(|(layer, _)| layer)
    }

    fn judge_name(&mut self) {
        let vague = self
            .path
            .split('/')
            .find(|part| VAGUE_NAMES.contains(&part.split('.').next().expect("a stem")));
        if let Some(part) = vague {
            self.complain(Rule::VagueName, 1, format!("`{part}` does not say what is inside"));
        }
    }

    fn judge_words(&mut self, text: &str) {
        for (number, line) in text.lines().enumerate() {
            for word in FORBIDDEN_WORDS.iter().filter(|word| line.contains(*word)) {
                self.complain(Rule::ForbiddenWord, number + 1, format!("`{word}`"));
            }
        }
    }

    /// Relative links of Markdown, and pages of `docs/` named anywhere.
    fn judge_links(&mut self, text: &str) {
        let here = Path::new(self.path).parent().expect("a folder");
        for (number, line) in text.lines().enumerate() {
            let mut targets: Vec<PathBuf> = pages_named_in(line).map(PathBuf::from).collect();
            if self.path.ends_with(".md") {
                let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
                let files = links.filter_map(|link| link.split('#').next());
                let relative = files.filter(|file| !file.is_empty() && !file.contains("://"));
                targets.extend(relative.map(|file| here.join(file)));
            }
            for target in targets {
                if !self.path.ends_with("tests/tidy.rs") && !root().join(&target).exists() {
                    let what = format!("{} does not exist", target.display());
                    self.complain(Rule::DeadLink, number + 1, what);
                }
            }
        }
    }

    fn judge_changelog(&mut self, text: &str) {
        let mut headings = text.split("\n## ").skip(1);
        let (title, body) =
            headings.next().and_then(|first| first.split_once('\n')).unwrap_or_default();
        if title != "Unreleased" || body.trim().is_empty() {
            let what = "the first heading must be `## Unreleased`, with something under it";
            self.complain(Rule::Changelog, 1, what);
        }
    }

    fn judge_source(&mut self, text: &str) {
        let syntax = match syn::parse_file(text) {
            Ok(syntax) => syntax,
            Err(error) => panic!("{}: {error}", self.path),
        };
        if self.path.ends_with("/src/lib.rs") && self.path.starts_with("crates/") {
            self.judge_front_page(&syntax, text);
        }
        let is_test = self.path.contains("/tests/");
        let generated = self.path.contains("/generated");
        let pure = self.layer().is_some_and(|layer| {
            NO_STD.contains(&layer)
                || layer == "node"
                || layer == "store" && !self.path.contains("/real_disk/")
        });
        let mut reader =
            Reader { file: self, test_lines: 0, measure: !is_test && !generated, pure };
        reader.visit_file(&syntax);
        let lines = text.lines().count() - reader.test_lines;
        if reader.measure && lines > MAX_FILE_LINES {
            let what = format!("{lines} lines without tests, {MAX_FILE_LINES} are allowed");
            self.complain(Rule::LongFile, 1, what);
        }
    }

    /// What the first lines of a library must say, once it has something to say it about.
    fn judge_front_page(&mut self, syntax: &syn::File, text: &str) {
        if syntax.items.is_empty() {
            return;
        }
        let has = |words: &[&str]| {
            syntax.attrs.iter().any(|attribute| {
                let written = tokens_of(attribute);
                words.iter().all(|word| written.iter().any(|token| token == word))
            })
        };
        if !has(&["forbid", "unsafe_code"]) {
            self.complain(Rule::UnsafeNotForbidden, 1, "needs #![forbid(unsafe_code)]");
        }
        if self.layer().is_some_and(|layer| NO_STD.contains(&layer)) && !has(&["no_std"]) {
            self.complain(Rule::NotNoStd, 1, "needs #![no_std]");
        }
        if !text.contains("include_str!(\"../README.md\")") {
            let what = "needs #![doc = include_str!(\"../README.md\")]: its example must compile";
            self.complain(Rule::FrontPage, 1, what);
        }
    }
}

/// Walks one file's syntax.
struct Reader<'a, 'b> {
    file: &'a mut File<'b>,
    /// Lines inside `#[cfg(test)]` modules.
    test_lines: usize,
    /// Whether lengths count here.
    measure: bool,
    /// Whether this file may not reach into the world.
    pure: bool,
}

impl Reader<'_, '_> {
    fn function(&mut self, name: &syn::Ident, start: LineColumn, end: LineColumn) {
        let lines = end.line + 1 - start.line;
        if self.measure && lines > MAX_FUNCTION_LINES {
            let what = format!("`{name}` has {lines} lines, {MAX_FUNCTION_LINES} are allowed");
            self.file.complain(Rule::LongFunction, start.line, what);
        }
    }

    fn reaches_into_the_world(&mut self, first: &syn::Ident, second: &syn::Ident) {
        let second_name = second.to_string();
        if self.pure && first == "std" && WORLD.contains(&second_name.as_str()) {
            let what = format!("std::{second_name} below the server");
            self.file.complain(Rule::ReachesIntoTheWorld, second.span().start().line, what);
        }
    }

    fn tree(&mut self, first: &syn::Ident, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.reaches_into_the_world(first, &path.ident),
            syn::UseTree::Name(name) => self.reaches_into_the_world(first, &name.ident),
            syn::UseTree::Rename(rename) => self.reaches_into_the_world(first, &rename.ident),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(first, tree));
            }
            syn::UseTree::Glob(_) => {}
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_, '_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| tokens_of(attribute) == ["cfg", "test"]);
        if is_test {
            let first = module.attrs[0].span().start().line;
            self.test_lines += module.span().end().line + 1 - first;
        }
        let before = (self.measure, self.pure);
        (self.measure, self.pure) = (self.measure && !is_test, self.pure && !is_test);
        visit::visit_item_mod(self, module);
        (self.measure, self.pure) = before;
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let (start, end) = (function.sig.span().start(), function.block.span().end());
        self.function(&function.sig.ident, start, end);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let (start, end) = (function.sig.span().start(), function.block.span().end());
        self.function(&function.sig.ident, start, end);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let tokens = tokens_of(attribute);
        let line = attribute.span().start().line;
        if !attribute.path().is_ident("doc") {
            if tokens.iter().any(|token| token == "allow") {
                let what = "write #[expect(.., reason = \"..\")] instead of #[allow]";
                self.file.complain(Rule::SilencedLint, line, what);
            }
            if tokens.iter().any(|token| token == "ignore") {
                let what = "a test that does not run proves nothing: mend it or remove it";
                self.file.complain(Rule::SkippedTest, line, what);
            }
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree {
            self.tree(&path.ident, &path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let (Some(first), Some(second)) = (path.segments.get(0), path.segments.get(1)) {
            self.reaches_into_the_world(&first.ident, &second.ident);
        }
        visit::visit_path(self, path);
    }
}

/// The words of an attribute, groups opened: `#[cfg_attr(test, allow(x))]` is `cfg_attr test allow x`.
fn tokens_of(attribute: &syn::Attribute) -> Vec<String> {
    fn collect(stream: TokenStream, out: &mut Vec<String>) {
        for tree in stream {
            match tree {
                TokenTree::Group(group) => collect(group.stream(), out),
                TokenTree::Ident(ident) => out.push(ident.to_string()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let mut out: Vec<String> =
        attribute.path().segments.iter().map(|segment| segment.ident.to_string()).collect();
    if let syn::Meta::List(list) = &attribute.meta {
        collect(list.tokens.clone(), &mut out);
    }
    out
}

/// `docs/<page>.md` wherever it is written.
fn pages_named_in(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("docs/").filter_map(|(start, _)| {
        let rest = &line[start..];
        let end = rest.find(".md")? + ".md".len();
        let page = &rest[..end];
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        page.chars().all(plain).then_some(page)
    })
}

fn is_front_page(readme: &str) -> bool {
    readme.starts_with("crates/") && readme.split('/').count() == 3
}

/// A library shows Rust, which is compiled; the binary shows a shell.
fn example_of(readme: &str, path: &str) -> bool {
    let fences = readme.lines().filter_map(|line| line.strip_prefix("```")).step_by(2);
    let mut languages = fences.map(|info| info.split(',').next().unwrap_or_default());
    if path == "crates/warrener/README.md" {
        return languages.any(|language| language == "sh");
    }
    let source = root().join(path).with_file_name("src").join("lib.rs");
    let nothing_yet = fs::read_to_string(source)
        .ok()
        .and_then(|text| syn::parse_file(&text).ok())
        .is_some_and(|syntax| syntax.items.is_empty());
    nothing_yet || languages.any(|language| ["", "rust"].contains(&language))
}

fn inherits_lints(manifest: &str) -> bool {
    !manifest.contains("[package]") || manifest.contains("[lints]\nworkspace = true")
}

/// Proof programs, fuzz targets and comparisons stand outside the workspace.
fn in_workspace(path: &str) -> bool {
    !["fuzz/", "benches/peers/", ".ci/"].iter().any(|outside| path.starts_with(outside))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All files that a person reads, in order; not what tools make, and not lists of bytes.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    const SKIPPED: &[&str] =
        &[".git", "target", "node_modules", "__pycache__", "corpus", "artifacts", "Cargo.lock"];
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder of the project")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !SKIPPED.iter().any(|skipped| path.ends_with(skipped)))
        .collect();
    entries.sort();
    entries
        .into_iter()
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}
