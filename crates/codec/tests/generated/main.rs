//! Writes `src/generated/` from `methods.txt`, and fails when what is there is stale.
//!
//! `WARRENER_BLESS=1 cargo test -p warrener-codec --test generated && cargo fmt` writes the files anew.

mod description;
mod emit;

use std::fs;
use std::path::Path;

#[test]
#[expect(clippy::disallowed_methods, reason = "the way to ask a test to write instead of compare")]
fn generated_files_are_what_methods_txt_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("methods.txt")).unwrap();
    let folder = root.join("src/generated");
    let files = emit::files(&description::parse(&text));
    if std::env::var_os("WARRENER_BLESS").is_some() {
        for (name, content) in &files {
            fs::write(folder.join(name), content).unwrap();
        }
    }
    for (name, content) in &files {
        let found = fs::read_to_string(folder.join(name)).unwrap();
        assert!(
            without_layout(&found) == without_layout(content),
            "src/generated/{name} is stale: see the top of tests/generated/main.rs"
        );
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), files.len(), "a stray file");
}

/// Without what rustfmt may change: white space, trailing commas and braces around a match arm.
fn without_layout(source: &str) -> String {
    source.chars().filter(|c| !c.is_whitespace() && !",{}".contains(*c)).collect()
}
