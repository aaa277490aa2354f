//! Keys of a subscription to metrics of clients (KIP-714).

use crate::definition::ValueType::{Int, List};
use crate::definition::{Allowed, KeyDef, client_metrics};

pub(super) const KEYS: &[KeyDef] = &[
    client_metrics("interval.ms", Int)
        .default("300000")
        .between(100, 3_600_000)
        .doc("How often, in milliseconds, clients shall push the metrics."),
    client_metrics("match", List)
        .default("")
        .allowed(Allowed::ClientPatterns)
        .doc("Which clients are meant: `name=regular expression`, all of which must match."),
    client_metrics("metrics", List).default("").doc(
        "Prefixes of the names of the metrics, `*` for all. Highwater keeps subscriptions and \
         asks no client for metrics.",
    ),
];
