//! What every Prometheus client tells of its process.

use super::{Family, Source, counter, gauge};

pub(super) const FAMILIES: &[Family] = &[
    counter(
        "process_cpu_seconds_total",
        "Seconds of processor time that the process has used.",
        Source::Node(|scrape, out| out.put_known(scrape.process.cpu_seconds)),
    ),
    gauge(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970.",
        Source::Node(|scrape, out| out.put_known(scrape.process.start_time_seconds)),
    ),
    gauge(
        "process_resident_memory_bytes",
        "Bytes of memory that the process holds.",
        Source::Node(|scrape, out| out.put_known(scrape.process.resident_bytes)),
    ),
    gauge(
        "process_virtual_memory_bytes",
        "Bytes of address space that the process has taken.",
        Source::Node(|scrape, out| out.put_known(scrape.process.virtual_bytes)),
    ),
    gauge(
        "process_threads",
        "Threads of the process.",
        Source::Node(|scrape, out| out.put_known(scrape.process.threads)),
    ),
    gauge(
        "process_open_fds",
        "Files and sockets that are open.",
        Source::Node(|scrape, out| out.put_known(scrape.process.open_fds)),
    ),
    gauge(
        "process_max_fds",
        "Files and sockets that may be open.",
        Source::Node(|scrape, out| out.put_known(scrape.process.max_fds)),
    ),
];
