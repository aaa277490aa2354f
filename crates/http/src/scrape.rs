//! One scrape: what is looked at, and the text of it in pieces.
//!
//! A node may have ten thousand partitions with a dozen series each. The partitions are copied
//! once into a compact list, and their text is made piece by piece while the peer reads, so that
//! a scrape costs neither the memory of the whole text nor a long turn of a thread that serves
//! clients.

use highwater_broker::{
    ApiSnapshot, BrokerView, ClusterView, GroupView, LogDirView, PartitionView, TrafficSnapshot,
};
use highwater_types::TopicName;

use crate::exposition::{Labels, head, series};
use crate::families::{self, Family, Source};
use crate::process::ProcessView;

/// A piece of the text is handed on once it is this long.
const PIECE_BYTES: usize = 32 * 1024;

/// A topic's partitions on this broker, together.
pub(crate) struct TopicTotals {
    pub(crate) topic: TopicName,
    pub(crate) partitions: usize,
    pub(crate) traffic: TrafficSnapshot,
}

/// The broker at one moment.
pub(crate) struct Scrape {
    pub(crate) view: BrokerView,
    pub(crate) cluster: ClusterView,
    pub(crate) unserved: usize,
    pub(crate) traffic: TrafficSnapshot,
    pub(crate) apis: Vec<ApiSnapshot>,
    pub(crate) log_dirs: Vec<LogDirView>,
    pub(crate) process: ProcessView,
    /// Looked at before the partitions, so that no group is ahead of the end it reads towards.
    pub(crate) groups: Vec<GroupView>,
    /// Sorted by topic and number.
    pub(crate) partitions: Vec<PartitionView>,
    pub(crate) topics: Vec<TopicTotals>,
}

impl Scrape {
    /// Looks at everything; asks file systems, and so may block.
    pub(crate) fn take(view: BrokerView) -> Self {
        let groups = view.groups();
        let partitions = view.partitions();
        Self {
            cluster: view.cluster(),
            unserved: view.unserved().len(),
            traffic: view.traffic(),
            apis: view.apis(),
            log_dirs: view.log_dirs(),
            process: ProcessView::take(),
            topics: totals(&partitions),
            groups,
            partitions,
            view,
        }
    }

    /// How many partitions here are so.
    pub(crate) fn count(&self, which: impl Fn(&PartitionView) -> bool) -> usize {
        self.partitions.iter().filter(|one| which(one)).count()
    }

    /// The view of a partition, if it is here.
    pub(crate) fn partition(
        &self,
        topic: &TopicName,
        partition: highwater_types::PartitionIndex,
    ) -> Option<&PartitionView> {
        let found = self.partitions.binary_search_by(|one| {
            one.topic
                .cmp(topic)
                .then_with(|| one.partition.cmp(&partition))
        });
        self.partitions.get(found.ok()?)
    }

    /// The text, piece by piece.
    pub(crate) fn into_pieces(self) -> Pieces {
        let mut families: Vec<_> = families::all().collect();
        families.reverse();
        Pieces {
            scrape: self,
            families,
            row: 0,
        }
    }

    fn rows(&self, source: &Source) -> usize {
        match source {
            Source::Node(_) => 1,
            Source::Partition(_) => self.partitions.len(),
            Source::Topic(_) => self.topics.len(),
            Source::Traffic(_) => self.topics.len() + 1,
            Source::Group(_) => self.groups.len(),
        }
    }

    fn write_row(&self, family: &Family, row: usize, out: &mut String) {
        let mut series = Series {
            name: family.name,
            out,
        };
        match &family.source {
            Source::Node(write) => write(self, &mut series),
            Source::Partition(value) => {
                if let Some(partition) = self.partitions.get(row) {
                    let labels: &Labels<'_> = &[
                        ("topic", &partition.topic),
                        ("partition", &partition.partition.get()),
                    ];
                    series.put(labels, value(partition));
                }
            }
            Source::Topic(value) => {
                if let Some(topic) = self.topics.get(row) {
                    series.put(&[("topic", &topic.topic)], value(topic));
                }
            }
            Source::Traffic(value) => match row.checked_sub(1) {
                None => series.put(&[], value(&self.traffic)),
                Some(row) => {
                    if let Some(topic) = self.topics.get(row) {
                        series.put(&[("topic", &topic.topic)], value(&topic.traffic));
                    }
                }
            },
            Source::Group(write) => {
                if let Some(group) = self.groups.get(row) {
                    write(self, group, &mut series);
                }
            }
        }
    }
}

fn totals(partitions: &[PartitionView]) -> Vec<TopicTotals> {
    let of_one_topic = partitions.chunk_by(|one, next| one.topic == next.topic);
    of_one_topic
        .filter_map(|partitions| {
            let mut totals = TopicTotals {
                topic: partitions.first()?.topic.clone(),
                partitions: partitions.len(),
                traffic: TrafficSnapshot::default(),
            };
            for partition in partitions {
                totals.traffic.add(&partition.traffic);
            }
            Some(totals)
        })
        .collect()
}

/// Where the series of one family go.
pub(crate) struct Series<'a> {
    name: &'static str,
    out: &'a mut String,
}

impl Series<'_> {
    /// One series.
    pub(crate) fn put(&mut self, labels: &Labels<'_>, value: impl std::fmt::Display) {
        series(self.out, (self.name, ""), labels, value);
    }

    /// One series of a histogram or summary, whose name ends in something.
    pub(crate) fn put_part(
        &mut self,
        suffix: &'static str,
        labels: &Labels<'_>,
        value: impl std::fmt::Display,
    ) {
        series(self.out, (self.name, suffix), labels, value);
    }

    /// One series if there is a value.
    pub(crate) fn put_known(&mut self, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.put(&[], value);
        }
    }
}

/// The text of a scrape, in pieces of a bounded size that end with a line.
pub(crate) struct Pieces {
    scrape: Scrape,
    /// Those that are not written yet, the next one last.
    families: Vec<&'static Family>,
    row: usize,
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut out = String::new();
        while let Some(&family) = self.families.last() {
            let rows = self.scrape.rows(&family.source);
            if self.row == 0 && rows > 0 {
                head(&mut out, family.name, family.kind, family.help);
            }
            while self.row < rows {
                self.scrape.write_row(family, self.row, &mut out);
                self.row += 1;
                if out.len() >= PIECE_BYTES {
                    return Some(out);
                }
            }
            self.families.pop();
            self.row = 0;
        }
        (!out.is_empty()).then_some(out)
    }
}
