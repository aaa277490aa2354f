//! Who may depend on whom, as data.
//!
//! A crate that is not in this table does not belong to the workspace yet: whoever adds one
//! decides here what it is and what it may know.

/// How far a crate is from the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Words and bytes.
    Vocabulary,
    /// Decisions: an input and a time go in, effects come out.
    Machine,
    /// What is on disk.
    Files,
    /// What runs on tokio.
    Runtime,
    /// The program.
    Top,
    /// What no program links.
    Development,
}

impl Layer {
    /// Whether such a crate sees no clock, no file, no socket and no chance.
    pub(crate) const fn is_pure(self) -> bool {
        matches!(self, Self::Vocabulary | Self::Machine)
    }
}

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct House {
    /// Its folder under `crates/`.
    pub(crate) folder: &'static str,
    /// Its layer.
    pub(crate) layer: Layer,
    /// The folders of the crates it may depend on outside tests.
    pub(crate) may_know: &'static [&'static str],
}

const fn house(folder: &'static str, layer: Layer, may_know: &'static [&'static str]) -> House {
    House {
        folder,
        layer,
        may_know,
    }
}

const PURE_AND_FILES: &[&str] = &[
    "types",
    "records",
    "protocol",
    "replication",
    "metadata",
    "groups",
    "transactions",
    "security",
    "config",
    "disk",
    "storage",
    "net",
];

/// The workspace, bottom up.
pub(crate) const HOUSES: &[House] = &[
    house("types", Layer::Vocabulary, &[]),
    house("records", Layer::Vocabulary, &["types"]),
    house("protocol", Layer::Vocabulary, &["types", "records"]),
    house("replication", Layer::Machine, &["types"]),
    house("metadata", Layer::Machine, &["types"]),
    house("groups", Layer::Machine, &["types"]),
    house("transactions", Layer::Machine, &["types"]),
    house("security", Layer::Machine, &["types"]),
    house("config", Layer::Machine, &["types"]),
    house("disk", Layer::Files, &["types"]),
    house("storage", Layer::Files, &["types", "records", "disk"]),
    house("net", Layer::Runtime, &["types", "protocol", "security"]),
    house("client", Layer::Runtime, &["types", "records", "protocol"]),
    house("broker", Layer::Runtime, PURE_AND_FILES),
    house("http", Layer::Runtime, &["types", "broker"]),
    house(
        "highwater",
        Layer::Top,
        &[
            "types", "records", "protocol", "config", "disk", "storage", "client", "broker", "http",
        ],
    ),
    house("bench", Layer::Development, &["records"]),
    house("xtask", Layer::Development, &["config"]),
];

/// Pairs that must not meet, however many crates stand between them: the log does not know why
/// it is written, and replication does not know that there are files. The broker joins them.
pub(crate) const STRANGERS: &[(&str, &str)] =
    &[("storage", "replication"), ("replication", "storage")];

/// The only crate that may name the wire codec among its dependencies.
pub(crate) const CODEC_OWNER: (&str, &str) = ("protocol", "kafka-protocol");

/// The only crate that may contain `unsafe`.
pub(crate) const UNSAFE_OWNER: &str = "disk";

/// Packages that bring a runtime, a socket or an event loop; no pure crate may reach them.
pub(crate) const RUNTIME_PACKAGES: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "async-std",
    "smol",
    "polling",
    "rustix",
    "nix",
];

/// Packages that bring chance or a clock; no pure crate may name them.
pub(crate) const IMPURE_PACKAGES: &[&str] = &[
    "rand",
    "rand_core",
    "fastrand",
    "getrandom",
    "chrono",
    "time",
    "jiff",
    "tempfile",
];

/// Words that a pure crate has no use for outside tests.
pub(crate) const IMPURE_WORDS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "std::time::Instant",
    "rand::",
    "getrandom",
    "tokio",
    "Uuid::new_v4",
    "RandomState",
];

/// Names that say nothing of what is inside.
pub(crate) const EMPTY_NAMES: &[&str] = &[
    "common", "utils", "util", "core", "misc", "helpers", "helper",
];

/// A longer file holds more than one idea.
pub(crate) const FILE_LINES_MAX: usize = 1000;
