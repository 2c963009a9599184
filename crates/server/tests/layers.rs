//! The arrows between crates only go down, and the low layers stay small.
//!
//! A new arrow or a new dependency is a decision: it is made by editing the table below, where a
//! reviewer sees it, with its reason beside it.

use cargo_metadata::{Dependency, DependencyKind, Metadata, MetadataCommand, Package};

/// One crate's place: its height, and what it may use of the crates below and of the registry.
struct Layer {
    height: u8,
    name: &'static str,
    may_use: &'static [&'static str],
    external: External,
}

enum External {
    /// Promises `no_std`: the shared short list, these besides, and nobody's default features.
    NoStd(&'static [&'static str]),
    /// Has the standard library, but no runtime: the shared short list and these besides.
    Std(&'static [&'static str]),
    /// A world or a face: what it needs to be one.
    Free,
}

/// What any crate below the server may use. Another one needs a line, and a reason, in the table.
const SHORT_LIST: &[&str] =
    &["bytes", "foldhash", "hashbrown", "nom", "slab", "smallvec", "thiserror"];

/// What any of them may offer behind a feature, and never need.
const OPTIONAL_LIST: &[&str] = &["serde", "tracing"];

/// From the bottom up. Dev-dependencies are free: tests may look anywhere.
const LAYERS: &[Layer] = &[
    // Words.
    layer(0, "time", &[], External::NoStd(&[])),
    layer(0, "codec", &[], External::NoStd(&[])),
    // Engines. The router knows no AMQP types, the queue no bodies, the store no queues.
    layer(1, "connection", &["codec", "time"], External::NoStd(&[])),
    layer(1, "router", &[], External::NoStd(&[])),
    layer(1, "queue", &["time"], External::NoStd(&[])),
    // crc32c: the checksum of a record, with the processor's own instruction. rustix: the free
    // space of a file system, which the standard library does not tell.
    // time: only where bugs are planted.
    layer(1, "store", &["time"], External::Std(&["crc32c", "rustix"])),
    // Meaning. Broker and connection do not know each other: endpoint joins them.
    // chacha20: the keyed generator behind names that nobody can guess.
    layer(2, "broker", &["codec", "queue", "router", "time"], External::NoStd(&["chacha20"])),
    layer(3, "endpoint", &["broker", "codec", "connection", "time"], External::NoStd(&[])),
    layer(4, "node", &["broker", "codec", "endpoint", "store", "time"], External::Std(&[])),
    // Faces.
    layer(5, "client", &["codec", "connection", "time"], External::Free),
    // The management speaks to a broker's types through a trait of its own, and knows neither server nor node.
    layer(5, "management", &["broker", "codec"], External::Free),
    layer(5, "perf", &["codec", "connection", "time"], External::Free),
    // Worlds.
    layer(
        6,
        "server",
        &["broker", "codec", "connection", "endpoint", "management", "node", "store", "time"],
        External::Free,
    ),
    layer(
        6,
        "embedded",
        &["broker", "codec", "connection", "endpoint", "node", "store", "time"],
        External::Free,
    ),
    layer(
        6,
        "simulator",
        &["broker", "codec", "connection", "endpoint", "node", "store", "time"],
        External::Free,
    ),
];

const fn layer(
    height: u8,
    name: &'static str,
    may_use: &'static [&'static str],
    external: External,
) -> Layer {
    Layer { height, name, may_use, external }
}

#[test]
fn the_table_itself_points_downwards() {
    for layer in LAYERS {
        for below in layer.may_use {
            let height = LAYERS.iter().find(|other| other.name == *below).map(|other| other.height);
            assert!(
                height.is_some_and(|height| height < layer.height),
                "{} may use {below}, which is not below it",
                layer.name
            );
        }
    }
}

#[test]
fn every_crate_has_its_place() {
    for package in workspace().workspace_packages() {
        if let Some(name) = package.name.strip_prefix("warrener-")
            && !["examples", "benches"].contains(&name)
        {
            assert!(
                LAYERS.iter().any(|layer| layer.name == name),
                "crates/{name} has no line in the table of crates/server/tests/layers.rs"
            );
        }
    }
}

#[test]
fn arrows_only_go_down() {
    let metadata = workspace();
    let complaints: Vec<String> = LAYERS
        .iter()
        .flat_map(|layer| {
            let package = package(&metadata, layer);
            package.dependencies.iter().filter_map(|dependency| complaint(layer, dependency))
        })
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_binary_is_the_server_and_a_command_over_the_client() {
    let metadata = workspace();
    let packages = metadata.workspace_packages();
    let binary = packages.iter().find(|package| package.name == "warrener").expect("warrener");
    let normal: Vec<&str> = binary
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .filter_map(|dependency| dependency.name.strip_prefix("warrener-"))
        .collect();
    // The broker's patterns, because --queues is one as operators know them.
    assert_eq!(normal, ["broker", "client", "codec", "server"]);
}

#[test]
fn all_crates_move_in_lockstep() {
    let metadata = workspace();
    let facts = |package: &Package| {
        let version = package.version.to_string();
        let msrv = package.rust_version.as_ref().map(ToString::to_string);
        (version, package.edition, msrv, package.license.clone())
    };
    let packages = metadata.workspace_packages();
    let expected = facts(packages[0]);
    for package in packages {
        assert_eq!(facts(package), expected, "{}: version, edition, MSRV, licence", package.name);
        let published = package.publish.is_none();
        for dependency in &package.dependencies {
            let private = metadata
                .workspace_packages()
                .into_iter()
                .any(|other| other.name.as_str() == dependency.name && other.publish.is_some());
            assert!(
                !(published && private && dependency.kind != DependencyKind::Development),
                "{} is published and uses {}, which is not",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn a_wrong_arrow_is_noticed() {
    let dependency = |name: &str, default_features: bool| -> Dependency {
        serde_json::from_value(serde_json::json!({
            "name": name, "req": "*", "kind": null, "optional": false, "features": [],
            "uses_default_features": default_features, "target": null,
        }))
        .expect("a dependency as cargo writes it")
    };
    let find = |name: &str| LAYERS.iter().find(|layer| layer.name == name).expect("a layer");

    assert_eq!(complaint(find("broker"), &dependency("warrener-queue", true)), None);
    assert_eq!(complaint(find("codec"), &dependency("nom", false)), None);
    assert_eq!(complaint(find("server"), &dependency("tokio", true)), None);
    for (layer, name, default_features) in [
        ("queue", "warrener-router", false),      // sideways
        ("connection", "warrener-broker", false), // up
        ("node", "tokio", false),                 // a runtime below the server
        ("codec", "serde", false),                // not optional
        ("codec", "nom", true),                   // the standard library through the back door
    ] {
        assert!(
            complaint(find(layer), &dependency(name, default_features)).is_some(),
            "{layer} -> {name} went unnoticed"
        );
    }
}

/// What is wrong with `layer` using `dependency`, if anything.
fn complaint(layer: &Layer, dependency: &Dependency) -> Option<String> {
    if dependency.kind == DependencyKind::Development {
        return None;
    }
    let user = format!("crates/{}/Cargo.toml", layer.name);
    let name = dependency.name.as_str();
    if let Some(inner) = name.strip_prefix("warrener-") {
        return (!layer.may_use.contains(&inner))
            .then(|| format!("{user}: an arrow to {name} that the layers do not have"));
    }
    let (besides, no_std) = match layer.external {
        External::NoStd(besides) => (besides, true),
        External::Std(besides) => (besides, false),
        External::Free => return None,
    };
    if OPTIONAL_LIST.contains(&name) && !dependency.optional {
        return Some(format!("{user}: {name} must be optional"));
    }
    let listed = [SHORT_LIST, OPTIONAL_LIST, besides];
    if !listed.iter().any(|list| list.contains(&name)) {
        return Some(format!("{user}: {name} is not on the list of what this layer may use"));
    }
    (no_std && dependency.uses_default_features)
        .then(|| format!("{user}: {name} needs default-features = false, the crate is no_std"))
}

fn workspace() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata")
}

fn package<'a>(metadata: &'a Metadata, layer: &Layer) -> &'a Package {
    let name = format!("warrener-{}", layer.name);
    metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == name)
        .unwrap_or_else(|| panic!("the workspace has no {name}"))
}
