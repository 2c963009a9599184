//! What the fuzz targets do, with random octets and with the corpus.

use std::path::Path;

use proptest::prelude::*;
use warrener_connection::fuzzing;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a corpus for every target")
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target}");
    paths.iter().map(|path| std::fs::read(path).expect("a readable file")).collect()
}

#[test]
fn the_corpus_holds() {
    corpus("connection_server").iter().for_each(|input| fuzzing::server(input));
    corpus("connection_client").iter().for_each(|input| fuzzing::client(input));
    corpus("connection_operations").iter().for_each(|input| fuzzing::operations(input));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_hosts_do_whatever_they_like(octets in prop::collection::vec(any::<u8>(), 0..120)) {
        fuzzing::operations(&octets);
    }

    #[test]
    fn random_octets_into_a_server(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::server(&octets);
    }

    #[test]
    fn random_octets_into_a_client(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzzing::client(&octets);
    }
}
