//! The log on a real disk: appends of 1 KiB with every commit synced, loads, and recovery.
//!
//! `WARRENER_BENCH_DIR` is where the files go; by default the build's own temporary directory, so that it is a disk and
//! not memory. Compare with `benches/peers`, run at the same time of day: syncs vary with what else the disk does.

#![expect(missing_docs, reason = "what criterion's macros make is not documented")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use bytes::Bytes;
use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::path::PathBuf;
use std::time::Instant;
use warrener_store::{
    After, Append, Config, Lane, Log, LogEvent, RealDisk, RecordId, SegmentLog, SimulatedDisk, Work,
};

const BODY_BYTES: usize = 1024;
const DIGEST: [u8; 32] = [7; 32];

/// A directory of its own, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let base = option_env!("WARRENER_BENCH_DIR").unwrap_or(env!("CARGO_TARGET_TMPDIR"));
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(base).join(format!("store-{}-{count}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        Self(path)
    }

    fn disk(&self) -> RealDisk {
        RealDisk::new(&self.0).expect("a directory for the bench")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn run<L: Log>(log: &mut L) {
    for lane in Lane::ALL {
        while let Some(work) = log.poll_work(lane) {
            let done = work.run();
            log.handle_done(done);
        }
    }
}

/// Opens a log; how many records were replayed.
fn open<L: Log>(log: &mut L) -> u64 {
    log.open();
    let mut replayed = 0;
    loop {
        run(log);
        while let Some(event) = log.poll_event() {
            match event {
                LogEvent::Replayed(record) => {
                    replayed += 1;
                    black_box(record.digest);
                }
                LogEvent::Ready { .. } => return replayed,
                LogEvent::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    }
}

fn append<L: Log>(log: &mut L, id: u64, body: &Bytes) {
    let body = core::slice::from_ref(body);
    let record = Append {
        id: RecordId(id),
        refers_to: &[],
        digest: &DIGEST,
        body,
        sync: true,
        after: After::Nothing,
    };
    log.append(record).expect("a record is taken");
}

fn commit<L: Log>(log: &mut L, upto: u64) {
    run(log);
    let mut durable = 0;
    while let Some(event) = log.poll_event() {
        if let LogEvent::Durable { upto, .. } = event {
            durable = upto.0;
        }
    }
    assert_eq!(durable, upto);
}

/// Appends `messages` a commit, as a queue in flow does: what was appended two commits ago is released.
fn appends(c: &mut Criterion) {
    let mut group = c.benchmark_group("append_1KiB_synced");
    group.sample_size(10).measurement_time(Duration::from_secs(3));
    let body = Bytes::from(vec![42; BODY_BYTES]);
    for messages in [1, 10, 100, 1000] {
        group.throughput(Throughput::Elements(messages));
        group.bench_function(BenchmarkId::from_parameter(messages), |b| {
            let directory = Directory::new();
            let mut log = SegmentLog::new(directory.disk(), Config::new(1));
            open(&mut log);
            let mut id = 0;
            b.iter(|| {
                for _ in 0..messages {
                    id += 1;
                    append(&mut log, id, &body);
                    if id > 2 * messages {
                        log.release(RecordId(id - 2 * messages));
                    }
                }
                commit(&mut log, id);
            });
        });
    }
    group.finish();
}

/// What the log itself costs, on a disk that costs next to nothing: 1,000 messages a commit.
fn without_a_disk(c: &mut Criterion) {
    let mut group = c.benchmark_group("without_a_disk");
    let body = Bytes::from(vec![42; BODY_BYTES]);
    group.throughput(Throughput::Elements(1000));
    group.bench_function("append_1KiB", |b| {
        let mut log = SegmentLog::new(SimulatedDisk::new(), Config::new(1));
        open(&mut log);
        let mut id = 0;
        b.iter(|| {
            for _ in 0..1000 {
                id += 1;
                append(&mut log, id, &body);
                if id > 2000 {
                    log.release(RecordId(id - 2000));
                }
            }
            commit(&mut log, id);
        });
    });
    group.bench_function("submit_1KiB_under_the_lock", |b| {
        let mut log = SegmentLog::new(SimulatedDisk::new(), Config::new(1));
        open(&mut log);
        let mut id = 0;
        b.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let start = Instant::now();
                for _ in 0..1000 {
                    id += 1;
                    append(&mut log, id, &body);
                }
                let work = log.poll_work(Lane::Commit).expect("there is a batch");
                spent += start.elapsed();
                let done = work.run();
                let start = Instant::now();
                log.handle_done(done);
                spent += start.elapsed();
                (id - 999..=id).for_each(|id| log.release(RecordId(id)));
                run(&mut log);
                while log.poll_event().is_some() {}
            }
            spent
        });
    });
    group.finish();
}

/// Opening a log of 100,000 records of 1 KiB, files in the cache.
fn recovery(c: &mut Criterion) {
    const RECORDS: u64 = 100_000;
    let directory = Directory::new();
    let mut log = SegmentLog::new(directory.disk(), Config::new(1));
    open(&mut log);
    let body = Bytes::from(vec![42; BODY_BYTES]);
    for id in 1..=RECORDS {
        append(&mut log, id, &body);
        if id % 1000 == 0 {
            commit(&mut log, id);
        }
    }
    drop(log);
    let mut group = c.benchmark_group("recovery");
    group.sample_size(10).throughput(Throughput::Elements(RECORDS));
    group.bench_function("1KiB", |b| {
        b.iter(|| {
            let mut log = SegmentLog::new(directory.disk(), Config::new(1));
            assert_eq!(open(&mut log), RECORDS);
        });
    });
    let mut log = SegmentLog::new(directory.disk(), Config::new(1));
    open(&mut log);
    let mut next = 0;
    group.throughput(Throughput::Elements(1000));
    group.bench_function("load_1000_in_order", |b| {
        b.iter(|| {
            for _ in 0..1000 {
                next = next % RECORDS + 1;
                log.load(RecordId(next));
            }
            run(&mut log);
            let loaded = core::iter::from_fn(|| log.poll_event()).inspect(|event| {
                assert!(matches!(event, LogEvent::Loaded { outcome: Ok(_), .. }), "{event:?}");
            });
            assert_eq!(loaded.count(), 1000);
        });
    });
    group.finish();
}

criterion_group!(benches, without_a_disk, appends, recovery);
criterion_main!(benches);
