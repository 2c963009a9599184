//! The realm knows no protocol: only `amqp091` and the two vocabularies name methods.

use std::fs;
use std::path::{Path, PathBuf};

/// What may name codec's methods: the folder of AMQP 0-9-1, and inputs and effects, which are what a host of it sees.
const MAY: [&str; 3] = ["amqp091", "input.rs", "effect.rs"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_the_face_of_a_protocol_names_its_methods() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 30, "the sources are where they were");
    let mut guilty = Vec::new();
    for path in found {
        let inside = path.strip_prefix(&root).expect("below the root").to_path_buf();
        let first = inside.components().next().expect("a name").as_os_str().to_owned();
        if MAY.iter().any(|may| *may == first) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable file");
        for word in ["warrener_codec::method", "Method::", "MethodId", "basic::", "channel::Close"]
        {
            if text.contains(word) {
                guilty.push(format!("{} says {word}", inside.display()));
            }
        }
    }
    assert!(guilty.is_empty(), "{}", guilty.join("\n"));
}
