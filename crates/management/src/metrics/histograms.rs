//! What is told as histograms: sizes of messages, and how long they wait.

use core::time::Duration;

use warrener_broker::{Command, SIZE_BOUNDS, Waits};

use crate::call::Call;
use crate::metrics::text::Text;

/// How large messages are, and how long they wait: of a sample, from the first look on.
pub(super) async fn write(call: &Call, text: &mut Text) {
    let (stats, (confirm, deliver)) = call.look(|view| (view.stats(), view.waits()));
    let bounds = SIZE_BOUNDS.map(|bound| bound as f64).into_iter().chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(stats.sizes.counts).collect();
    text.histogram_of(
        ("message_size_bytes", "Size of messages received from publishers"),
        &[("protocol", "amqp091")],
        &buckets,
        stats.sizes.bytes as f64,
    );
    let seconds = |waits: Waits| -> Vec<(f64, u64)> {
        let bound =
            |micros: Option<u64>| micros.map_or(f64::INFINITY, |micros| micros as f64 / 1e6);
        waits.buckets().map(|(micros, count)| (bound(micros), count)).collect()
    };
    text.histogram(
        "publish_confirm_seconds",
        "Seconds from the publish of a persistent message to its confirm, of a sample",
        &seconds(confirm),
    );
    text.histogram(
        "enqueue_deliver_seconds",
        "Seconds from a queue to a consumer, of a sample",
        &seconds(deliver),
    );
    // It is no matter when that fails: then the broker stops.
    let _ = call.command(Command::Measure(MEASURED)).await;
}

/// How long after a look messages are measured for the next one.
const MEASURED: Duration = Duration::from_secs(120);
