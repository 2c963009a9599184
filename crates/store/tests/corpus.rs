//! The fuzzing bodies, over the corpus and over numbers that look random.

mod world;

use std::path::Path;
use warrener_store::fuzzing::TARGETS;
use world::Random;

#[test]
fn every_body_holds_on_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, body) in TARGETS {
        let mut count = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
            body(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{name} has a corpus");
    }
}

#[test]
fn every_body_holds_on_random_bytes() {
    let mut random = Random(11);
    for (_, body) in TARGETS {
        for _ in 0..300 {
            let length = random.below(120);
            let small = random.chance(2);
            let bytes: Vec<_> = (0..length)
                .map(|_| if small { random.below(40) as u8 } else { random.next() as u8 })
                .collect();
            body(&bytes);
        }
    }
}
