//! What the fuzz target does, with random octets and with the corpus.

use std::path::Path;

use proptest::prelude::*;
use warrener_endpoint::fuzzing::session;

#[test]
fn the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/endpoint_broker");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a corpus")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "the corpus is where it was");
    for path in paths {
        session(&std::fs::read(path).expect("a readable file"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clients_say_anything(octets in prop::collection::vec(any::<u8>(), 0..2_000)) {
        session(&octets);
    }
}
