//! The bodies of the fuzz targets over the corpus in `/fuzz/corpus`, which holds what fuzzing found worth keeping.

use std::fs;
use std::path::Path;

use warrener_codec::fuzzing::TARGETS;

#[test]
fn every_fuzz_target_holds_for_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, body) in TARGETS {
        let files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().collect();
        assert!(files.len() >= 10, "{name} has no corpus");
        for file in files {
            body(&fs::read(file.unwrap().path()).unwrap());
        }
    }
}
