//! What the fuzz targets do, with random bytes and with the corpus.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use warrener_router::fuzzing::{history, topics};

#[test]
fn the_corpus_holds() {
    for (name, target) in
        [("router_histories", history as fn(&[u8])), ("router_topics", topics as fn(&[u8]))]
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        let entries = fs::read_dir(folder).expect("a corpus for every target");
        let mut paths: Vec<_> =
            entries.map(|entry| entry.expect("a readable folder").path()).collect();
        paths.sort();
        assert!(paths.len() >= 10, "{name}");
        for path in paths {
            target(&fs::read(&path).expect("a readable file"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_histories_agree_with_the_model(
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
    ) {
        history(&bytes);
    }

    #[test]
    fn random_topics_agree_with_the_definition(
        lines in proptest::collection::vec("([ab*#]|)(\\.([ab*#]|)){0,12}", 1..40),
    ) {
        topics(lines.join("\n").as_bytes());
    }
}
