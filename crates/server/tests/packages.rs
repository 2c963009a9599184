//! What is published is fit to be: described, small, with nothing in it that is not used.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

/// How many packages these may pull in at most, themselves not counted.
const SMALL: [(&str, usize); 4] = [
    ("warrener-codec", 8),
    ("warrener-router", 8),
    ("warrener-queue", 8),
    ("warrener-embedded", 30),
];

/// Packages whose library has another name.
const LIBRARIES: [(&str, &str); 1] = [("md-5", "md5")];

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata")
}

fn published(workspace: &Metadata) -> Vec<&Package> {
    let packages = workspace.workspace_packages();
    packages.into_iter().filter(|package| package.publish.is_none()).collect()
}

#[test]
fn the_layers_that_others_embed_stay_small() {
    for (name, limit) in SMALL {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--prefix=none", "--no-dedupe"])
            .args(["--edges=normal,no-proc-macro", "--package", name])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .output()
            .expect("cargo");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).expect("names");
        let packages: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .filter(|package| *package != name && !package.is_empty())
            .collect();
        assert!(!packages.is_empty(), "{name}: cargo tree said nothing");
        assert!(packages.len() <= limit, "{name} pulls in {}: {packages:?}", packages.len());
    }
}

#[test]
fn a_registry_can_show_every_crate() {
    for package in published(&workspace()) {
        let name = &package.name;
        let description = package.description.as_deref().unwrap_or_default();
        assert!((20..=160).contains(&description.len()), "{name}: description {description:?}");
        assert!((1..=5).contains(&package.keywords.len()), "{name}: keywords");
        assert!((1..=5).contains(&package.categories.len()), "{name}: categories");
        let docs = format!("https://docs.rs/{name}");
        assert_eq!(package.documentation.as_deref(), Some(docs.as_str()), "{name}");
        let readme = package.readme().unwrap_or_else(|| panic!("{name} has no README"));
        let readme = fs::read_to_string(readme).expect("a README");
        assert!(readme.starts_with(&format!("# {name}\n")), "{name}: the README's first line");
        assert!(readme.contains("\n```"), "{name}: the README has no example");
        let folder = package.manifest_path.parent().expect("a folder");
        if let Ok(library) = fs::read_to_string(folder.join("src/lib.rs")) {
            let compiles = r#"doc = include_str!("../README.md")"#;
            assert!(library.contains(compiles), "{name}: the README's example is not compiled");
        }
        let all_features = &package.metadata["docs"]["rs"]["all-features"];
        assert!(
            package.features.is_empty() || all_features == true,
            "{name}: docs.rs does not build its features"
        );
        assert!(!package.features.contains_key("default"), "{name}: features are asked for");
    }
}

#[test]
fn every_dependency_has_a_version_unless_it_is_of_the_tests_and_unpublished() {
    let workspace = workspace();
    let private: BTreeSet<String> = workspace
        .workspace_packages()
        .iter()
        .filter(|package| package.publish.is_some())
        .map(|package| package.name.to_string())
        .collect();
    for package in published(&workspace) {
        for dependency in &package.dependencies {
            let test = dependency.kind == DependencyKind::Development;
            let may_be_without =
                test && (private.contains(&dependency.name) || dependency.name == *package.name);
            assert!(
                may_be_without || dependency.req.to_string() != "*",
                "{} uses {} without a version",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let workspace = workspace();
    let mut unused = Vec::new();
    for package in workspace.workspace_packages() {
        let folder = package.manifest_path.parent().expect("a folder").as_std_path();
        let normal = Words::of(folder, &["src", "build.rs"]);
        let all =
            Words::of(folder, &["src", "build.rs", "tests", "examples", "benches", "README.md"]);
        for dependency in &package.dependencies {
            let words = if is_for_tests(dependency) { &all } else { &normal };
            if !words.have(dependency) {
                unused.push(format!("{}: {}", package.name, dependency.name));
            }
        }
    }
    assert!(unused.is_empty(), "named in Cargo.toml, and in no source file: {unused:#?}");
}

#[test]
fn an_unused_dependency_would_be_noticed() {
    let words = Words(BTreeSet::from(["bytes".to_owned(), "serde_json_lines".to_owned()]));
    let dependency = |name: &str| -> Dependency {
        serde_json::from_value(serde_json::json!({
            "name": name, "req": "1", "kind": null, "optional": false, "features": [],
            "uses_default_features": false, "target": null,
        }))
        .expect("a dependency as cargo writes it")
    };
    assert!(words.have(&dependency("bytes")));
    assert!(!words.have(&dependency("serde_json")));
    assert!(!words.have(&dependency("warrener-time")));
}

fn is_for_tests(dependency: &Dependency) -> bool {
    dependency.kind == DependencyKind::Development
}

/// The identifiers of a crate's sources.
struct Words(BTreeSet<String>);

impl Words {
    fn of(folder: &Path, parts: &[&str]) -> Self {
        let mut words = Self(BTreeSet::new());
        parts.iter().for_each(|part| words.read(&folder.join(part)));
        words
    }

    fn read(&mut self, path: &Path) {
        if let Ok(entries) = fs::read_dir(path) {
            entries.for_each(|entry| self.read(&entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "md")
            && let Ok(text) = fs::read_to_string(path)
        {
            let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
            let words = text.split(|letter| !is_part(letter));
            self.0.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
    }

    fn have(&self, dependency: &Dependency) -> bool {
        let name = dependency.rename.as_ref().unwrap_or(&dependency.name).as_str();
        let library = LIBRARIES.iter().find(|(package, _)| *package == name);
        self.0.contains(&library.map_or(name, |(_, library)| library).replace('-', "_"))
    }
}
