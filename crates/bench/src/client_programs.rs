//! Real clients as processes: the libraries that the whole-system tests install, driven by the
//! small programs of `clients/`.
//!
//! They cost more than either broker, so their throughput says little about a broker that is
//! fast enough; what they make a broker spend, and whether one of two slows them down, it does.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::running;

/// The programs, carried along so that it does not matter where this one is started.
const PROGRAMS: [(&str, &str); 3] = [
    ("produce.py", include_str!("../clients/produce.py")),
    ("consume.py", include_str!("../clients/consume.py")),
    ("Consume.java", include_str!("../clients/Consume.java")),
];

/// A client library, and in which language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// kafka-python.
    KafkaPython,
    /// confluent-kafka, which is librdkafka.
    ConfluentKafka,
    /// Kafka's own, for Java.
    Java,
}

impl Library {
    /// All that consume.
    pub(crate) const ALL: [Self; 3] = [Self::KafkaPython, Self::ConfluentKafka, Self::Java];

    /// As its authors call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KafkaPython => "kafka-python",
            Self::ConfluentKafka => "confluent-kafka",
            Self::Java => "Java client",
        }
    }
}

/// What a client says of itself at its end.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct ClientReport {
    /// Bytes of values.
    pub(crate) bytes: u64,
    /// From its first request for them to the end.
    pub(crate) seconds: f64,
    /// What it cost itself in that time.
    pub(crate) cpu_seconds: f64,
}

/// Where the libraries are, and a folder for the programs.
pub(crate) struct ClientPrograms {
    cache: PathBuf,
    folder: PathBuf,
}

impl ClientPrograms {
    /// Looks where `scripts/test` puts what it downloads.
    pub(crate) fn new(folder: PathBuf) -> Result<Self> {
        let cache = match std::env::var_os("HIGHWATER_TEST_CACHE") {
            Some(named) => PathBuf::from(named),
            None => {
                let home = std::env::var_os("HOME").unwrap_or_default();
                Path::new(&home).join(".cache/highwater-tests")
            }
        };
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        for (name, text) in PROGRAMS {
            fs::write(folder.join(name), text)?;
        }
        Ok(Self { cache, folder })
    }

    /// Why a library cannot be used here, if it cannot.
    pub(crate) fn missing(&self, library: Library) -> Option<String> {
        let needed = match library {
            Library::KafkaPython | Library::ConfluentKafka => self.python(),
            Library::Java => self.jars(),
        };
        let there = needed.exists();
        (!there).then(|| {
            let (name, path) = (library.name(), needed.display());
            format!("{name} is not here ({path}); `scripts/test packages setup` installs it")
        })
    }

    fn python(&self) -> PathBuf {
        self.cache.join("venv/bin/python")
    }

    fn jars(&self) -> PathBuf {
        self.cache.join("java/jars")
    }

    /// A producer of librdkafka.
    pub(crate) fn producer(&self, arguments: &[String]) -> Result<RunningClient> {
        let mut command = Command::new(self.python());
        command.arg(self.folder.join("produce.py"));
        self.launch(command, arguments)
    }

    /// A consumer of a library.
    pub(crate) fn consumer(&self, library: Library, arguments: &[String]) -> Result<RunningClient> {
        let command = match library {
            Library::KafkaPython | Library::ConfluentKafka => {
                let mut command = Command::new(self.python());
                command
                    .arg(self.folder.join("consume.py"))
                    .arg(library.name());
                command
            }
            Library::Java => {
                let mut command = Command::new("java");
                command
                    .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
                    .arg("-cp")
                    .arg(self.jars().join("*"))
                    .arg(self.folder.join("Consume.java"));
                command
            }
        };
        self.launch(command, arguments)
    }

    fn launch(&self, mut command: Command, arguments: &[String]) -> Result<RunningClient> {
        let errors = self.folder.join("errors");
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors)?)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        running::began(&self.folder, child.id());
        Ok(RunningClient { child, errors })
    }
}

/// A client that has been started.
pub(crate) struct RunningClient {
    child: Child,
    errors: PathBuf,
}

impl RunningClient {
    /// Waits until it begins, and then until its end. `begun` is called in between: what a client
    /// does before it begins is not to be measured.
    pub(crate) fn finish(mut self, begun: impl FnOnce() -> Result<()>) -> Result<ClientReport> {
        let output = self.child.stdout.take().context("it has no output")?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let has_begun = line.trim() == "begin";
        if has_begun {
            begun()?;
            line.clear();
            output.read_to_string(&mut line)?;
        }
        let status = self.child.wait()?;
        running::ended(self.child.id());
        if !status.success() || !has_begun {
            let said = fs::read_to_string(&self.errors).unwrap_or_default();
            bail!("a client ended with {status}: {}", said.trim());
        }
        serde_json::from_str(line.trim()).with_context(|| format!("a client said `{line}`"))
    }
}

impl Drop for RunningClient {
    fn drop(&mut self) {
        // Nothing to do for one that has ended; one that has not would stay behind.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().ok();
            self.child.wait().ok();
            running::ended(self.child.id());
        }
    }
}
