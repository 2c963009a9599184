//! Why messages died.

use warrener_broker::{Deaths, Stats};

use crate::metrics::text::Text;

/// Messages that died, by reason, type of queue and what the queue does with them.
pub(super) fn write(text: &mut Text, stats: &Stats) {
    let kinds = [
        ("rabbit_classic_queue", &stats.classic_deaths),
        ("rabbit_quorum_queue", &stats.quorum_deaths),
    ];
    for (name, help, of) in DEATHS {
        text.counter(name, help);
        for (kind, by) in kinds {
            let strategies = [
                ("disabled", &by.disabled),
                ("at_most_once", &by.at_most_once),
                ("at_least_once", &by.at_least_once),
            ];
            for (strategy, deaths) in strategies {
                text.value(&[("queue_type", kind), ("dead_letter_strategy", strategy)], of(deaths));
            }
        }
    }
    text.counter(
        "global_messages_dead_lettered_confirmed_total",
        "Total number of messages dead-lettered and confirmed by target queues",
    );
    for (kind, by) in kinds {
        let labels = [("queue_type", kind), ("dead_letter_strategy", "at_least_once")];
        text.value(&labels, by.confirmed);
    }
}

/// How many died of one reason.
type DeathsOf = fn(&Deaths) -> u64;

/// Why messages die.
const DEATHS: [(&str, &str, DeathsOf); 4] = [
    (
        "global_messages_dead_lettered_rejected_total",
        "Total number of messages dead-lettered due to basic.reject or basic.nack",
        |own| own.rejected,
    ),
    (
        "global_messages_dead_lettered_expired_total",
        "Total number of messages dead-lettered due to message TTL exceeded",
        |own| own.expired,
    ),
    (
        "global_messages_dead_lettered_maxlen_total",
        "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx",
        |own| own.max_length,
    ),
    (
        "global_messages_dead_lettered_delivery_limit_total",
        "Total number of messages dead-lettered due to delivery-limit exceeded",
        |own| own.delivery_limit,
    ),
];
