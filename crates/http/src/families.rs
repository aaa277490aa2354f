//! Every metric that there is, in tables: `docs/metrics.md` is checked against them.
//!
//! Names are those for which people have dashboards: kafka_exporter's, and Kafka's own as the
//! usual rules of the JMX exporter write them. Only what neither has is named `highwater_`.

mod exporter;
mod jmx;
mod own;
mod process;

use highwater_broker::{GroupView, PartitionView, TrafficSnapshot};

use crate::exposition::Kind;
use crate::scrape::{Scrape, Series, TopicTotals};

/// One metric: a name, and where its series come from.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) source: Source,
}

/// What the series of a family are about.
pub(crate) enum Source {
    /// The node as a whole; few series.
    Node(fn(&Scrape, &mut Series<'_>)),
    /// One series for each partition.
    Partition(fn(&PartitionView) -> i64),
    /// One series for each topic.
    Topic(fn(&TopicTotals) -> u64),
    /// One series for all topics, without a label, and one for each.
    Traffic(fn(&TrafficSnapshot) -> u64),
    /// Series of one group.
    Group(fn(&Scrape, &GroupView, &mut Series<'_>)),
}

/// All families, in the order in which they are written.
pub(crate) fn all() -> impl Iterator<Item = &'static Family> {
    let tables: [&'static [Family]; 4] = [
        exporter::FAMILIES,
        jmx::FAMILIES,
        own::FAMILIES,
        process::FAMILIES,
    ];
    tables.into_iter().flatten()
}

const fn family(name: &'static str, kind: Kind, help: &'static str, source: Source) -> Family {
    Family {
        name,
        kind,
        help,
        source,
    }
}

const fn gauge(name: &'static str, help: &'static str, source: Source) -> Family {
    family(name, Kind::Gauge, help, source)
}

const fn counter(name: &'static str, help: &'static str, source: Source) -> Family {
    family(name, Kind::Counter, help, source)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/metrics.md");

    #[test]
    fn a_name_is_legal_and_stands_for_one_family() {
        let mut seen = BTreeSet::new();
        for family in all() {
            let legal =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(family.name.bytes().all(legal), "{}", family.name);
            assert!(!family.help.contains('\n') && !family.help.contains('\\'));
            assert!(family.help.ends_with('.'), "{}", family.help);
            assert!(seen.insert(family.name), "{} twice", family.name);
            let is_total = family.name.ends_with("_total");
            assert_eq!(is_total, family.kind == Kind::Counter, "{}", family.name);
        }
    }

    #[test]
    fn the_documentation_lists_every_family_as_it_is_and_no_other() {
        let kinds = [Kind::Gauge, Kind::Counter, Kind::Histogram];
        let is_row = |line: &&str| {
            let mut cells = line.split(" | ").skip(1);
            let kind = cells.next().unwrap_or_default();
            kinds.iter().any(|known| known.name() == kind)
        };
        let documented: BTreeSet<&str> = PAGE.lines().filter(is_row).collect();
        let row = |family: &Family| {
            let (name, kind, help) = (family.name, family.kind.name(), family.help);
            format!("| `{name}` | {kind} | {help} |")
        };
        let rows: Vec<String> = all().map(row).collect();
        let existing: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
        let missing: Vec<_> = existing.difference(&documented).collect();
        let obsolete: Vec<_> = documented.difference(&existing).collect();
        assert!(
            missing.is_empty() && obsolete.is_empty(),
            "docs/metrics.md lacks:\n{missing:#?}\nand has, without there being such:\n{obsolete:#?}"
        );
    }
}
