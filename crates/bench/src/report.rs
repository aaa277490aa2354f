//! The table of `docs/performance.md`, from the rows of a run.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    record::{DONE, Row},
    targets::{Against, Reach, TARGETS, Target},
    works::Work,
};

/// Between these lines the document is written by the program.
const BEGIN: &str = "<!-- begin of what `cargo xtask bench` writes -->";
const END: &str = "<!-- end of what `cargo xtask bench` writes -->";

/// Columns in their order, with their headings.
const COLUMNS: &[(&str, &str)] = &[
    ("mb_per_s", "MB/s"),
    ("records_per_s", "records/s"),
    ("cpu_s_per_gb", "broker CPU s/GB"),
    ("cpu_us_per_request", "broker CPU µs/request"),
    ("driver_cpu_s_per_gb", "driver CPU s/GB"),
    ("kafka_python_mb_per_s", "kafka-python MB/s"),
    ("kafka_python_cpu_s_per_gb", "broker CPU s/GB"),
    ("confluent_kafka_mb_per_s", "confluent-kafka MB/s"),
    ("confluent_kafka_cpu_s_per_gb", "broker CPU s/GB"),
    ("java_mb_per_s", "Java MB/s"),
    ("java_cpu_s_per_gb", "broker CPU s/GB"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("p99.9_ms", "p99.9 ms"),
    ("max_ms", "max ms"),
    ("growing_mb_per_s", "growing file MB/s"),
    ("preallocated_mb_per_s", "room reserved MB/s"),
    ("overwritten_mb_per_s", "written before MB/s"),
    ("rss_kib_per_connection", "KiB each"),
    ("cpu_s_to_open", "CPU s to open"),
    ("cpu_ms_per_s", "CPU ms/s"),
    ("stored_gb", "GB stored"),
    ("first_ack_s", "first ack s"),
    ("first_fetch_s", "first fetch s"),
    ("all_fetched_s", "all fetched s"),
    ("create_s", "create s"),
    ("create_and_write_s", "create and write s"),
    ("stop_s", "stop s"),
    ("restart_s", "restart s"),
    ("after_kill_s", "after kill -9 s"),
    ("rss_mib", "RSS MiB"),
    ("peak_rss_mib", "peak RSS MiB"),
];

/// Puts the table into the document.
pub(crate) fn write(document: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(document)
        .with_context(|| format!("cannot read {}", document.display()))?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the document has no place to write")?;
    let (_, after) = rest
        .split_once(END)
        .context("the place to write has no end")?;
    let written = format!("{before}{BEGIN}\n\n{table}\n{END}{after}");
    fs::write(document, written).with_context(|| format!("cannot write {}", document.display()))
}

/// What was found for some works.
pub(crate) fn table(rows: &[Row], works: &[&Work]) -> String {
    let mut text = machine();
    text.push_str(&reached(rows, works));
    for work in works {
        let found: Vec<_> = rows
            .iter()
            .filter(|row| row.work == work.name && row.subject != DONE && row.note.is_none())
            .collect();
        let notes = notes(rows, work);
        if !found.is_empty() || !notes.is_empty() {
            write!(
                text,
                "\n### {}\n\n{}.\n\n{}{notes}",
                work.name,
                work.about,
                of_work(&found)
            )
            .ok();
        }
    }
    text
}

/// What was not measured, and why.
fn notes(rows: &[Row], work: &Work) -> String {
    let reasons = rows
        .iter()
        .filter(|row| row.work == work.name)
        .filter_map(|row| row.note.as_deref());
    reasons.fold(String::new(), |mut text, reason| {
        write!(text, "\nNot measured: {reason}.\n").ok();
        text
    })
}

fn machine() -> String {
    let read = |path: &str, field: &str| -> String {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap_or_default()
            .trim_start_matches([' ', '\t', ':'])
            .trim()
            .to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let gib = read("/proc/meminfo", "MemTotal")
        .trim_end_matches(" kB")
        .parse::<f64>()
        .map_or(0.0, |kib| kib / f64::from(1 << 20));
    let kernel = read("/proc/sys/kernel/osrelease", "");
    let commit = said("git", &["rev-parse", "--short", "HEAD"]);
    let day = said("date", &["-u", "+%Y-%m-%d"]);
    let processor = read("/proc/cpuinfo", "model name");
    format!(
        "Measured on {day} at commit {commit}: {cores} cores of {processor}, {gib:.0} GiB, Linux \
         {kernel}. Values are medians over the turns.\n"
    )
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}

fn of_work(rows: &[&Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(name, _)| rows.iter().any(|row| row.metrics.0.contains_key(*name)))
        .collect();
    let mut text = String::from("| |");
    for (_, heading) in &columns {
        write!(text, " {heading} |").ok();
    }
    text.push_str(" load | turns |\n|---|");
    text.push_str(&"---:|".repeat(columns.len() + 2));
    text.push('\n');
    let mut told = BTreeSet::new();
    for subject in rows
        .iter()
        .map(|row| row.subject.as_str())
        .filter(|name| told.insert(*name))
    {
        let own: Vec<_> = rows.iter().filter(|row| row.subject == subject).collect();
        write!(text, "| {subject} |").ok();
        for (name, _) in &columns {
            let values = own
                .iter()
                .filter_map(|row| row.metrics.0.get(*name))
                .copied();
            write!(
                text,
                " {} |",
                median(values.collect()).map_or_else(String::new, number)
            )
            .ok();
        }
        let load = median(own.iter().map(|row| row.load_average).collect());
        let load = load.map_or_else(String::new, number);
        writeln!(text, " {load} | {} |", own.len()).ok();
    }
    text
}

fn reached(rows: &[Row], works: &[&Work]) -> String {
    let mut text = String::from(
        "\n### What is to be reached\n\n| work | who | value | compared with | found | wanted | \
         |\n|---|---|---|---|---:|---:|---|\n",
    );
    let asked = |target: &&Target| works.iter().any(|work| work.name == target.work);
    for target in TARGETS.iter().filter(asked) {
        let heading = COLUMNS.iter().find(|(name, _)| *name == target.metric);
        let value = heading.map_or(target.metric, |(_, heading)| heading);
        let (against, sign) = match target.against {
            Against::Nothing => ("–", ""),
            Against::Subject(name) | Against::Floor(name, _) => (name, " ×"),
        };
        let found = ratio(rows, target);
        let wanted = match target.reach {
            Reach::AtMost(bound) => format!("≤ {}{sign}", number(bound)),
            Reach::AtLeast(bound) => format!("≥ {}{sign}", number(bound)),
        };
        let (found, verdict) = match found {
            None => ("not measured".to_owned(), ""),
            Some(found) => (
                format!("{}{sign}", number(found)),
                verdict(found, target.reach),
            ),
        };
        let (work, subject) = (target.work, target.subject);
        writeln!(
            text,
            "| {work} | {subject} | {value} | {against} | {found} | {wanted} | {verdict} |"
        )
        .ok();
    }
    text
}

fn verdict(found: f64, reach: Reach) -> &'static str {
    let holds = match reach {
        Reach::AtMost(bound) => found <= bound,
        Reach::AtLeast(bound) => found >= bound,
    };
    if holds { "reached" } else { "**missed**" }
}

/// The value of a target: a median over the turns, of ratios within a turn where both were
/// measured in turns.
fn ratio(rows: &[Row], target: &Target) -> Option<f64> {
    let own = values(rows, target.work, target.subject, target.metric);
    match target.against {
        Against::Nothing => median(own.into_iter().map(|(_, value)| value).collect()),
        Against::Subject(other) => {
            let others = values(rows, target.work, other, target.metric);
            let ratios = own.into_iter().filter_map(|(round, value)| {
                let (_, other) = others.iter().find(|(found, _)| *found == round)?;
                (*other > 0.0).then_some(value / other)
            });
            median(ratios.collect())
        }
        Against::Floor(floor, metric) => {
            let floor = values(rows, "floors", floor, metric)
                .into_iter()
                .map(|(_, value)| value);
            let floor = median(floor.collect()).filter(|floor| *floor > 0.0)?;
            Some(median(own.into_iter().map(|(_, value)| value).collect())? / floor)
        }
    }
}

fn values(rows: &[Row], work: &str, subject: &str, metric: &str) -> Vec<(u32, f64)> {
    rows.iter()
        .filter(|row| row.work == work && row.subject == subject)
        .filter_map(|row| Some((row.round, *row.metrics.0.get(metric)?)))
        .collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        size if size > 0.0 => format!("{value:.3}"),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{record::Metrics, works::WORKS};

    fn row(work: &str, subject: &str, round: u32, metric: &str, value: f64) -> Row {
        Row {
            work: work.to_owned(),
            subject: subject.to_owned(),
            round,
            load_average: 1.0,
            metrics: Metrics::default().with(metric, value),
            note: None,
        }
    }

    #[test]
    fn what_was_not_measured_says_why() {
        let work = WORKS
            .iter()
            .find(|work| work.name == "consumers")
            .expect("it is listed");
        let mut missing = row("consumers", crate::record::NOTE, 0, "mb_per_s", 0.0);
        missing.note = Some("no client is here".to_owned());
        let text = table(&[missing], &[work]);
        assert!(text.contains("### consumers"), "{text}");
        assert!(
            text.contains("Not measured: no client is here.\n"),
            "{text}"
        );
        let unknown = "| Java MB/s | Kafka, unsynced | not measured |";
        assert!(text.contains(unknown), "{text}");
    }

    #[test]
    fn a_ratio_is_taken_within_a_turn() {
        let rows: Vec<_> = [(0, 100.0, 50.0), (1, 300.0, 100.0), (2, 40.0, 40.0)]
            .into_iter()
            .flat_map(|(round, ours, kafka)| {
                [
                    row("produce-64k", "Highwater, fsync", round, "mb_per_s", ours),
                    row("produce-64k", "Kafka, unsynced", round, "mb_per_s", kafka),
                ]
            })
            .collect();
        let target = TARGETS
            .iter()
            .find(|target| {
                target.metric == "mb_per_s"
                    && target.subject == "Highwater, fsync"
                    && matches!(target.against, Against::Subject("Kafka, unsynced"))
            })
            .unwrap();
        assert_eq!(ratio(&rows, target), Some(2.0));
        assert_eq!(verdict(2.0, target.reach), "reached");
        assert_eq!(verdict(0.9, target.reach), "**missed**");
    }

    #[test]
    fn every_target_names_a_work_a_value_and_subjects_that_exist() {
        let kinds = [
            crate::bench::Subject::Highwater,
            crate::bench::Subject::HighwaterReplicated,
            crate::bench::Subject::Kafka,
            crate::bench::Subject::KafkaFlushed,
        ];
        for target in TARGETS {
            assert!(
                WORKS.iter().any(|work| work.name == target.work),
                "{}",
                target.work
            );
            assert!(
                COLUMNS.iter().any(|(name, _)| *name == target.metric),
                "{}",
                target.metric
            );
            let known = |name: &str| kinds.iter().any(|kind| kind.name() == name);
            assert!(known(target.subject), "{}", target.subject);
            if let Against::Subject(name) = target.against {
                assert!(known(name), "{name}");
            }
        }
    }

    #[test]
    fn medians_of_few_values_are_right() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
    }

    #[test]
    fn the_document_keeps_what_people_wrote() {
        let folder = std::env::temp_dir().join(format!("bench-report-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let document = folder.join("performance.md");
        fs::write(&document, format!("before\n{BEGIN}\nold\n{END}\nafter\n")).unwrap();
        write(&document, "new\n").unwrap();
        let text = fs::read_to_string(&document).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(text, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
    }
}
