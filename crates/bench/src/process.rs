//! What a process has cost so far, as the kernel counts it.

use std::fs;

use anyhow::{Context as _, Result};

/// Threads of a Java machine that compile; what they burn ends once it is warm.
const COMPILER_THREADS: [&str; 2] = ["C1 CompilerThre", "C2 CompilerThre"];

/// A process that is being watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    /// Its id.
    pub(crate) pid: u32,
}

/// CPU seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuSeconds {
    /// All of them.
    pub(crate) total: f64,
    /// Those of the just-in-time compiler.
    pub(crate) compiler: f64,
}

impl CpuSeconds {
    /// What came since, without compilation.
    pub(crate) fn since(self, before: Self) -> f64 {
        let compiled = (self.compiler - before.compiler).max(0.0);
        (self.total - before.total - compiled).max(0.0)
    }
}

impl Watched {
    /// This process.
    pub(crate) fn myself() -> Self {
        Self {
            pid: std::process::id(),
        }
    }

    /// CPU time so far, of all threads that ever were.
    pub(crate) fn cpu(self) -> Result<CpuSeconds> {
        let total = ticks(&self.read("stat")?).context("cannot read CPU time")?;
        let mut compiler = 0.0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))?.flatten() {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            if COMPILER_THREADS.iter().any(|name| stat.contains(name)) {
                compiler += ticks(&stat).unwrap_or(0.0);
            }
        }
        Ok(CpuSeconds { total, compiler })
    }

    /// Resident memory now, in MiB.
    pub(crate) fn rss_mib(self) -> Result<f64> {
        self.status_mib("VmRSS:")
    }

    /// The most resident memory since the last [`Watched::forget_peak`], in MiB.
    pub(crate) fn peak_rss_mib(self) -> Result<f64> {
        self.status_mib("VmHWM:")
    }

    /// Begins a new count of the peak.
    pub(crate) fn forget_peak(self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").ok();
    }

    /// Whether it still runs; one that nobody has reaped does not.
    pub(crate) fn is_alive(self) -> bool {
        let stat = self.read("stat").unwrap_or_default();
        after_name(&stat).is_some_and(|fields| !fields.starts_with(['Z', 'X']))
    }

    fn read(self, file: &str) -> Result<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid))
            .with_context(|| format!("process {} is gone", self.pid))
    }

    fn status_mib(self, field: &str) -> Result<f64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no such field")?.trim().parse::<f64>()? / 1024.0)
    }
}

/// The fields of a `stat` file behind the name, which may contain anything.
fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, fields)| fields)
}

/// User and system time of a `stat` file, in seconds.
fn ticks(stat: &str) -> Option<f64> {
    let mut fields = after_name(stat)?.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

/// CPU time of the calling thread, in seconds.
pub(crate) fn thread_cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text
        .split(' ')
        .next()
        .and_then(|field| field.parse::<f64>().ok());
    nanos.unwrap_or(0.0) / 1e9
}

/// How many threads wanted a core over the last minute.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_move_the_fields() {
        let stat = "17 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        let seconds = 300.0 / rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(ticks(stat), Some(seconds));
    }

    #[test]
    fn this_process_can_be_watched() {
        let me = Watched::myself();
        assert!(me.is_alive());
        assert!(me.rss_mib().unwrap() > 0.0);
        assert!(me.cpu().unwrap().total >= 0.0);
    }
}
