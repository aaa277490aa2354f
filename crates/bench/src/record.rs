//! Results, one JSON object on each line, so that a run can be taken up where it ended.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What one turn of one work found of one subject.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Name of the work.
    pub(crate) work: String,
    /// Who was measured.
    pub(crate) subject: String,
    /// Which turn, from 0.
    pub(crate) round: u32,
    /// Load average of the machine after the turn.
    pub(crate) load_average: f64,
    /// What was found, by name; the unit stands last in the name.
    pub(crate) metrics: Metrics,
    /// Why something was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// Measured values by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, f64>);

impl Metrics {
    /// With one more.
    pub(crate) fn with(mut self, name: &str, value: f64) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// With the usual quantiles of latencies.
    pub(crate) fn with_latencies(self, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| {
            let last = latencies.len().saturating_sub(1);
            let index = (last as f64 * share).round() as usize;
            latencies
                .get(index)
                .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        let found = [
            ("p50_ms", 0.5),
            ("p99_ms", 0.99),
            ("p99.9_ms", 0.999),
            ("max_ms", 1.0),
        ];
        let values = found.map(|(name, share)| (name, at(share)));
        values
            .into_iter()
            .fold(self, |metrics, (name, value)| metrics.with(name, value))
    }
}

/// The file of results.
pub(crate) struct Results {
    path: PathBuf,
    /// Everything in it.
    pub(crate) rows: Vec<Row>,
}

impl Results {
    /// Opens what is there. A line that was cut off is left out.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        Ok(Self {
            path: path.to_path_buf(),
            rows: text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect(),
        })
    }

    /// Adds a row, on disk too.
    pub(crate) fn add(&mut self, row: Row) -> Result<()> {
        let line = serde_json::to_string(&row)?;
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)?;
        writeln!(file, "{line}").context("cannot write results")?;
        self.rows.push(row);
        Ok(())
    }

    /// Forgets what was found for a work.
    pub(crate) fn forget(&mut self, work: &str) -> Result<()> {
        self.rows.retain(|row| row.work != work);
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&serde_json::to_string(row)?);
            text.push('\n');
        }
        fs::write(&self.path, text).context("cannot write results")
    }

    /// Whether a work was carried out to its end.
    pub(crate) fn has(&self, work: &str) -> bool {
        self.rows
            .iter()
            .any(|row| row.work == work && row.subject == DONE)
    }
}

/// Subject of the row that says that a work is complete.
pub(crate) const DONE: &str = "done";

/// Subject of a row that says why something was not measured.
pub(crate) const NOTE: &str = "note";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_sorted_latencies() {
        let latencies = (0..=1000).rev().map(Duration::from_millis).collect();
        let Metrics(found) = Metrics::default().with_latencies(latencies);
        let expected = [
            ("p50_ms", 500.0),
            ("p99_ms", 990.0),
            ("p99.9_ms", 999.0),
            ("max_ms", 1e3),
        ];
        for (name, value) in expected {
            assert_eq!(found.get(name), Some(&value), "{name}");
        }
    }

    #[test]
    fn no_latencies_are_no_fault() {
        let Metrics(found) = Metrics::default().with_latencies(Vec::new());
        assert_eq!(found.get("p99_ms"), Some(&0.0));
    }
}
