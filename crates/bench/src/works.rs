//! The works, by name.

mod clients;
mod connections;
mod crash;
mod end_to_end;
mod fetch;
mod floors;
mod idle;
mod open_loop;
mod partitions;
mod produce;
mod start;

use anyhow::Result;

use crate::bench::Bench;

/// One thing that is measured.
pub(crate) struct Work {
    /// By which it is chosen.
    pub(crate) name: &'static str,
    /// One line.
    pub(crate) about: &'static str,
    /// Carries it out.
    pub(crate) run: fn(&mut Bench, &str) -> Result<()>,
}

/// All of them, in the order in which they are carried out.
pub(crate) const WORKS: &[Work] = &[
    Work {
        name: "floors",
        about: "What the machine can do without a broker",
        run: floors::run,
    },
    Work {
        name: "produce-64k",
        about: "1 KiB records in 64 KiB requests, 6 partitions, 6 connections, acks=all",
        run: produce::large,
    },
    Work {
        name: "produce-small",
        about: "4 records of 100 B a request, 16 connections, 6 partitions, acks=all",
        run: produce::small,
    },
    Work {
        name: "produce-100b",
        about: "100 B records in 16 KiB requests, 6 connections, 6 partitions, acks=all",
        run: produce::hundred_bytes,
    },
    Work {
        name: "fetch",
        about: "2 GB from the page cache, 6 partitions, 6 connections, 1 MiB a response",
        run: fetch::page_cache,
    },
    Work {
        name: "librdkafka",
        about: "an idempotent producer of librdkafka, lz4, 1 KiB values that compress by half",
        run: clients::librdkafka,
    },
    Work {
        name: "consumers",
        about: "2 GB of 1 KiB values, or what consumers with their default settings read of it in 30 s",
        run: clients::consumers,
    },
    Work {
        name: "open-loop",
        about: "5,000 requests/s of 5 x 200 B over 50 connections, 6 partitions",
        run: open_loop::requests,
    },
    Work {
        name: "open-loop-linger",
        about: "20,000 keyed records/s of 200 B from 50 producers that linger 20 ms, 6 partitions",
        run: open_loop::lingering,
    },
    Work {
        name: "end-to-end",
        about: "10,000 records/s of 1 KiB to a waiting consumer, linger 5 ms, 1 partition",
        run: end_to_end::lingering,
    },
    Work {
        name: "end-to-end-0",
        about: "the same with linger 0: each record is a request, all on one connection",
        run: end_to_end::at_once,
    },
    Work {
        name: "connections",
        about: "1,000 connections that say hello and stay",
        run: connections::run,
    },
    Work {
        name: "idle",
        about: "a broker that nobody uses, from 5 s after its start",
        run: idle::run,
    },
    Work {
        name: "start",
        about: "an empty broker, from its launch to the first acknowledged record",
        run: start::run,
    },
    Work {
        name: "partitions-1k",
        about: "1,000 partitions, a record to each, a stop, a kill -9",
        run: partitions::thousand,
    },
    Work {
        name: "kill-restart",
        about: "kill -9 with much on disk in 12 partitions, to the first answers",
        run: crash::run,
    },
    Work {
        name: "partitions-10k",
        about: "10,000 partitions in 10 topics, a record to each, a stop, a kill -9",
        run: partitions::most,
    },
];
