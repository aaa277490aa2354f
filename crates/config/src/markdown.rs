//! Writes the reference of all keys, from the tables alone.

use std::fmt::Write as _;

use crate::definition::{Effect, KeyDef, KeyKind, UpdateMode};
use crate::keys::SECTIONS;
use crate::value::allowed_text;

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from the tables in crates/config by `cargo xtask docs`; change it there. -->

Keys have Kafka's names and, unless the text says otherwise, Kafka 4.3's defaults. A broker reads \
them from a file (TOML, or a Kafka `server.properties`), from the environment (`KAFKA_LOG_DIRS` \
for `log.dirs`: `_` stands for `.`, `__` for `_`, `___` for `-`) and from the command line \
(`--set key=value`); the later wins. `highwater config` prints what is in effect and where each \
value came from. Keys of one listener stand behind `listener.name.<listener>.`.

Behind each key, *dynamic* says whether a change through the admin API takes effect without a \
restart: `cluster` for one or all brokers, `broker` for one at a time, `no` only at the next \
start. *Effect* is `yes` where Highwater acts on the key, and `accepted` where it checks, keeps \
and describes the value for tools, and does nothing else yet.
";

/// The text of `docs/configuration.md`.
pub fn configuration_markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = write!(text, "\n## {}\n", section.title);
        for def in section.keys.iter().filter(|def| !def.internal) {
            write_key(&mut text, def);
        }
    }
    text
}

fn write_key(text: &mut String, def: &KeyDef) {
    let default = match def.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some(value) => format!("`{value}`"),
    };
    let _ = write!(text, "\n### `{}`\n\n{}\n\n", def.name, def.doc);
    let _ = write!(text, "Type {}, default {default}", def.value_type.name());
    let allowed = allowed_text(def);
    if !allowed.is_empty() {
        let _ = write!(text, ", allowed {allowed}");
    }
    if def.kind == KeyKind::Broker {
        let dynamic = match def.update {
            UpdateMode::AtStart => "no",
            UpdateMode::PerBroker => "broker",
            UpdateMode::ClusterWide if def.dynamic_only => "cluster, and only so",
            UpdateMode::ClusterWide => "cluster",
        };
        let _ = write!(text, "; dynamic {dynamic}");
    } else if !def.synonyms.is_empty() {
        let names: Vec<_> = def
            .synonyms
            .iter()
            .map(|s| format!("`{}`", s.name))
            .collect();
        let _ = write!(text, "; falls back on {}", names.join(", "));
    }
    let effect = match def.effect {
        Effect::Effective => "yes",
        Effect::Accepted => "accepted",
    };
    let _ = writeln!(text, "; effect {effect}.");
}

#[cfg(test)]
mod tests;
