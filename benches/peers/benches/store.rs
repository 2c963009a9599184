//! Durable appends of 1 KiB beside fjall and redb, and beside what the disk itself takes: bytes appended to a file, and
//! one fdatasync a commit. In one run on one disk, for syncs vary with whatever else the disk is doing.
//!
//! `WARRENER_BENCH_DIR`, at build time, is where the files go; by default the build's own temporary directory.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use redb::{Durability, ReadableDatabase, TableDefinition};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use warrener_store::{
    After, Append, Config, Lane, Log, LogEvent, RealDisk, RecordId, SegmentLog, Work,
};

const BODY_BYTES: usize = 1024;

/// Appends a number of bodies from an id on, and returns when they are on disk.
trait Appends {
    fn append(&mut self, first: u64, count: u64, body: &Bytes);
}

/// What no store can beat.
struct Floor(File);

impl Appends for Floor {
    fn append(&mut self, first: u64, count: u64, body: &Bytes) {
        let bytes = body.repeat(count as usize);
        self.0.write_all(&bytes).expect("a write");
        self.0.sync_data().expect("a sync");
        if first % (64 << 10) < count {
            self.0.set_len(0).expect("an empty file");
        }
    }
}

struct Warrener(SegmentLog<RealDisk>);

impl Warrener {
    fn new(path: &Path) -> Self {
        let disk = RealDisk::new(path).expect("a directory");
        let mut log = Self(SegmentLog::new(disk, Config::new(1)));
        log.0.open();
        log.run();
        while log.0.poll_event().is_some() {}
        log
    }

    fn run(&mut self) {
        for lane in Lane::ALL {
            while let Some(work) = self.0.poll_work(lane) {
                let done = work.run();
                self.0.handle_done(done);
            }
        }
    }
}

impl Appends for Warrener {
    fn append(&mut self, first: u64, count: u64, body: &Bytes) {
        let (body, digest) = (core::slice::from_ref(body), &[7; 32]);
        for id in first..first + count {
            let record = Append {
                id: RecordId(id),
                refers_to: &[],
                digest,
                body,
                sync: true,
                after: After::Nothing,
            };
            self.0.append(record).expect("an append");
        }
        self.run();
        let durable = core::iter::from_fn(|| self.0.poll_event()).last();
        let upto = RecordId(first + count - 1);
        assert_eq!(durable, Some(LogEvent::Durable { upto, ahead: upto }));
    }
}

struct Fjall(Database, fjall::Keyspace);

impl Fjall {
    fn new(path: &Path) -> Self {
        let database = Database::builder(path).open().expect("a database");
        let keyspace = database.keyspace("messages", KeyspaceCreateOptions::default);
        let keyspace = keyspace.expect("a keyspace");
        Self(database, keyspace)
    }
}

impl Appends for Fjall {
    fn append(&mut self, first: u64, count: u64, body: &Bytes) {
        let mut batch = self.0.batch().durability(Some(PersistMode::SyncData));
        for id in first..first + count {
            batch.insert(&self.1, id.to_be_bytes(), &body[..]);
        }
        batch.commit().expect("a commit");
    }
}

struct Redb(redb::Database);

const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");

impl Redb {
    fn new(path: &Path) -> Self {
        std::fs::create_dir_all(path).expect("a directory");
        let database = redb::Database::create(path.join("redb")).expect("a database");
        database.begin_read().expect("it can be read");
        Self(database)
    }
}

impl Appends for Redb {
    fn append(&mut self, first: u64, count: u64, body: &Bytes) {
        let mut write = self.0.begin_write().expect("a transaction");
        write.set_durability(Durability::Immediate).expect("a durability");
        {
            let mut table = write.open_table(MESSAGES).expect("a table");
            for id in first..first + count {
                table.insert(id, &body[..]).expect("an insert");
            }
        }
        write.commit().expect("a commit");
    }
}

fn appends(c: &mut Criterion) {
    let base = option_env!("WARRENER_BENCH_DIR").unwrap_or(env!("CARGO_TARGET_TMPDIR"));
    let directory = PathBuf::from(base).join(format!("peers-store-{}", std::process::id()));
    let body = Bytes::from(vec![42; BODY_BYTES]);
    for count in [1, 10, 100, 1000] {
        let mut group = c.benchmark_group(format!("append_1KiB_synced_{count}_a_commit"));
        group.sample_size(10).measurement_time(Duration::from_secs(2));
        group.warm_up_time(Duration::from_millis(500)).throughput(Throughput::Elements(count));
        let stores: [(&str, fn(&Path) -> Box<dyn Appends>); 4] = [
            ("floor", |path| {
                std::fs::create_dir_all(path).expect("a directory");
                Box::new(Floor(File::create(path.join("floor")).expect("a file")))
            }),
            ("warrener-store", |path| Box::new(Warrener::new(path))),
            ("fjall", |path| Box::new(Fjall::new(path))),
            ("redb", |path| Box::new(Redb::new(path))),
        ];
        for (name, open) in stores {
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                let path = directory.join(name);
                let mut store = open(&path);
                let mut next = 1;
                b.iter(|| {
                    store.append(next, count, &body);
                    next += count;
                });
                drop(store);
                std::fs::remove_dir_all(&path).expect("the bench's own directory");
            });
        }
        group.finish();
    }
    std::fs::remove_dir_all(&directory).ok();
}

criterion_group!(benches, appends);
criterion_main!(benches);
