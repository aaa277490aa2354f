//! Measures the broker from outside, beside Apache Kafka in the same run.

mod bench;
mod broker;
mod client_programs;
mod control;
mod driver;
mod load;
mod process;
mod record;
mod report;
mod running;
mod socket;
mod targets;
mod wire;
mod works;

use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Result, bail};
use clap::Parser;

use crate::{
    bench::{Bench, Bounds},
    broker::Programs,
    record::{DONE, Metrics, Results},
    works::{WORKS, Work},
};

/// Measures the broker from outside, beside Apache Kafka in the same run
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// The works to carry out, by name; all that are not done yet unless given
    #[arg(long, value_delimiter = ',', value_name = "WORK")]
    only: Vec<String>,
    /// Carries out everything that is not done yet; the same as no choice
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// Forgets earlier results of the chosen works
    #[arg(long)]
    fresh: bool,
    /// Names the works and ends
    #[arg(long)]
    list: bool,
    /// Seconds of a turn
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Seconds for which Kafka is driven in each work before it counts
    #[arg(long, default_value_t = 8)]
    warm_up_seconds: u64,
    /// Turns of each subject
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Most megabytes that a turn produces
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
    /// Gigabytes on disk when a broker is killed
    #[arg(long, default_value_t = 10)]
    kill_gigabytes: u64,
    /// Partitions of the largest topic
    #[arg(long, default_value_t = 10_000)]
    partitions: u32,
    /// The broker; `cargo xtask bench` says where it built it
    #[arg(long, default_value = "target/release/highwater")]
    highwater: PathBuf,
    /// A setting for Highwater over its defaults, as key=value
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// The script that starts Apache Kafka
    #[arg(long, default_value = "../shared/peers/kafka.sh")]
    kafka: PathBuf,
    /// Measures Highwater alone
    #[arg(long)]
    no_kafka: bool,
    /// Where data and results go
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
    /// The document whose table is written anew unless --only is given
    #[arg(long, default_value = "docs/performance.md")]
    document: PathBuf,
}

impl Arguments {
    fn bounds(&self) -> Bounds {
        Bounds {
            turn: Duration::from_secs(self.seconds),
            warm_up: Duration::from_secs(self.warm_up_seconds),
            rounds: self.rounds,
            turn_bytes_max: self.megabytes * 1_000_000,
            kill_bytes: self.kill_gigabytes * 1_000_000_000,
            partitions_max: self.partitions,
        }
    }

    fn programs(&self) -> Programs {
        Programs {
            highwater: self.highwater.clone(),
            kafka: (!self.no_kafka && self.kafka.is_file()).then(|| self.kafka.clone()),
            settings: self.settings.clone(),
        }
    }

    fn chosen(&self) -> Result<Vec<&'static Work>> {
        if let Some(unknown) = self
            .only
            .iter()
            .find(|name| !WORKS.iter().any(|work| work.name == **name))
        {
            bail!("there is no work `{unknown}`; --list names them");
        }
        let wanted =
            |work: &&Work| self.only.is_empty() || self.only.iter().any(|name| name == work.name);
        Ok(WORKS.iter().filter(wanted).collect())
    }
}

/// Tells the person who measures.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for work in WORKS {
            say(&format!("{:<16} {}", work.name, work.about));
        }
        return Ok(());
    }
    let folder = std::path::absolute(&arguments.folder)?;
    let results = Results::open(&folder.join("results.jsonl"))?;
    let mut bench = Bench::new(arguments.bounds(), results, arguments.programs(), folder);
    driver::sharpen_timers();
    running::end_all_when_interrupted()?;
    let mut failed = Vec::new();
    let chosen = arguments.chosen()?;
    for work in &chosen {
        if bench.results.has(work.name) && !arguments.fresh && arguments.only.is_empty() {
            say(&format!("{} is done; --fresh measures it again", work.name));
            continue;
        }
        bench.results.forget(work.name)?;
        match (work.run)(&mut bench, work.name) {
            Ok(()) => bench.add(work.name, DONE, 0, Metrics::default())?,
            Err(error) => {
                say(&format!("{} failed: {error:#}", work.name));
                bench.stop_shared();
                failed.push(work.name);
            }
        }
    }
    bench.stop_shared();
    let table = report::table(&bench.results.rows, &chosen);
    if arguments.only.is_empty() {
        report::write(&arguments.document, &table)?;
        say(&format!("{} written", arguments.document.display()));
    } else {
        say(&table);
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}
