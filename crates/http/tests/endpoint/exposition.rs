//! A strict reader of Prometheus' text format.

use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

/// What was scraped.
pub(crate) struct Exposition {
    types: BTreeMap<String, String>,
    series: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// Reads a whole answer; an error names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut types = BTreeMap::new();
        let mut helped = BTreeSet::new();
        let mut series = BTreeMap::new();
        let mut family = String::new();
        if !text.ends_with('\n') {
            return Err("the last line has no end".to_owned());
        }
        for line in text.lines() {
            let fail = |why: &str| format!("{why}: {line}");
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let name = rest.split(' ').next().unwrap_or_default().to_owned();
                if !helped.insert(name) {
                    return Err(fail("a second HELP"));
                }
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').ok_or_else(|| fail("half a TYPE"))?;
                name.clone_into(&mut family);
                if types.insert(name.to_owned(), kind.to_owned()).is_some() {
                    return Err(fail("a second TYPE"));
                }
            } else {
                let (name, labels, value) = sample(line).ok_or_else(|| fail("unreadable"))?;
                let own = match types.get(&family).map(String::as_str) {
                    Some("histogram") => name
                        .strip_prefix(&family)
                        .is_some_and(|suffix| matches!(suffix, "_bucket" | "_sum" | "_count")),
                    Some(_) => name == family,
                    None => false,
                };
                if !own {
                    return Err(fail("not below its TYPE"));
                }
                if series.insert((name, labels), value).is_some() {
                    return Err(fail("there twice"));
                }
            }
        }
        Ok(Self { types, series })
    }

    /// How many families there are.
    pub(crate) fn families(&self) -> usize {
        self.types.len()
    }

    /// The value of one series, which must be there.
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let key = (name.to_owned(), labels);
        match self.series.get(&key) {
            Some(value) => *value,
            None => panic!("{key:?} is not there"),
        }
    }

    /// Every series of a name with a label.
    pub(crate) fn with(&self, name: &str, label: (&str, &str)) -> Vec<(&Labels, f64)> {
        let found = self.series.iter().filter(|((found, labels), _)| {
            found == name && labels.get(label.0).is_some_and(|value| value == label.1)
        });
        found.map(|((_, labels), value)| (labels, *value)).collect()
    }
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if labels.insert(key.to_owned(), value).is_some() {
                return None;
            }
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None => {
                    rest = after.strip_prefix('}')?;
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    Some((name.to_owned(), labels, value))
}

/// Reads up to the closing quote; what follows is the second value.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other @ ('"' | '\\') => other,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}
