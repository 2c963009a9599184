//! Histories of a queue, run beside a slow and obvious model of it. For fuzz targets and tests; not part of the API.

mod model;
mod run;

pub use run::{Command, Driver, run};

use alloc::vec::Vec;

/// The body of the fuzz target `queue_histories`: any bytes are a history.
pub fn histories(data: &[u8]) {
    let mut commands = Vec::new();
    for chunk in data.chunks(6).take(400) {
        let mut bytes = [0; 6];
        bytes[..chunk.len()].copy_from_slice(chunk);
        commands.push(Command::from_bytes(bytes));
    }
    run(&commands, Driver::Prompt);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::histories;
    use std::path::Path;

    #[test]
    fn the_corpus_holds() {
        let corpus =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/queue_histories");
        for file in std::fs::read_dir(corpus).expect("the corpus is part of the repository") {
            let path = file.expect("the corpus can be listed").path();
            histories(&std::fs::read(path).expect("the corpus can be read"));
        }
    }
}
