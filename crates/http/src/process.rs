//! What the system says of this process, under the names that every Prometheus client uses.
//!
//! Each value is absent where the system does not tell it.

use rustix::process::{Resource, getrlimit};

/// The process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ProcessView {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) start_time_seconds: Option<f64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) virtual_bytes: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) open_fds: Option<u64>,
    pub(crate) max_fds: Option<u64>,
    pub(crate) disk_read_bytes: Option<u64>,
    pub(crate) disk_write_bytes: Option<u64>,
}

/// The fields of `/proc/self/stat` that are used, counted from the one behind the name.
const UTIME: usize = 11;
const STIME: usize = 12;
const THREADS: usize = 17;
const START_TIME: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const RESIDENT_PAGES: usize = 21;

impl ProcessView {
    /// Asks the system; blocks for as long as it takes to read a few files of `/proc`.
    pub(crate) fn take() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let mut view = Self::default();
        view.read_stat(&read("/proc/self/stat"), &read("/proc/stat"));
        view.read_io(&read("/proc/self/io"));
        let open = std::fs::read_dir("/proc/self/fd");
        // The directory that is being read is one of them.
        view.open_fds = open
            .ok()
            .map(|open| (open.count() as u64).saturating_sub(1));
        view.max_fds = getrlimit(Resource::Nofile).current;
        view
    }

    fn read_stat(&mut self, stat: &str, system: &str) {
        // The name in parentheses may hold anything, a parenthesis too.
        let Some((_, fields)) = stat.rsplit_once(") ") else {
            return;
        };
        let fields: Vec<u64> = fields
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let field = |at: usize| fields.get(at).copied();
        let seconds = |ticks: u64| ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        let cpu = field(UTIME).zip(field(STIME));
        self.cpu_seconds = cpu.map(|(user, kernel)| seconds(user + kernel));
        self.threads = field(THREADS);
        self.virtual_bytes = field(VIRTUAL_BYTES);
        let pages = field(RESIDENT_PAGES);
        self.resident_bytes = pages.map(|pages| pages * rustix::param::page_size() as u64);
        let booted = system.lines().find_map(|line| line.strip_prefix("btime "));
        let booted = booted.and_then(|text| text.trim().parse::<f64>().ok());
        let started = booted.zip(field(START_TIME));
        self.start_time_seconds = started.map(|(booted, ticks)| booted + seconds(ticks));
    }

    fn read_io(&mut self, io: &str) {
        let value = |key: &str| {
            let line = io.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|text| text.trim().parse().ok())
        };
        self.disk_read_bytes = value("read_bytes:");
        self.disk_write_bytes = value("write_bytes:");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_parenthesis_does_not_shift_the_fields() {
        let mut view = ProcessView::default();
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 300 100 0 0 20 0 9 0 500 4096 2 0\n";
        view.read_stat(stat, "cpu 1\nbtime 1000\n");
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(view.cpu_seconds, Some(400.0 / ticks));
        assert_eq!(view.threads, Some(9));
        assert_eq!(view.virtual_bytes, Some(4096));
        assert_eq!(view.start_time_seconds, Some(1000.0 + 500.0 / ticks));
    }

    #[test]
    fn unreadable_files_leave_the_values_out() {
        let mut view = ProcessView::default();
        view.read_stat("", "");
        view.read_io("rubbish");
        assert_eq!(view, ProcessView::default());
    }

    #[test]
    fn this_process_has_memory_threads_and_open_files() {
        let view = ProcessView::take();
        assert!(view.resident_bytes > Some(1 << 20), "{view:?}");
        assert!(
            view.threads >= Some(1) && view.open_fds >= Some(3),
            "{view:?}"
        );
        assert!(view.max_fds > view.open_fds, "{view:?}");
    }
}
