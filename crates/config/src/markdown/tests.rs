//! The committed documents are those that the tables give.

use super::*;
use crate::keys::find;
use crate::layers::{FileFormat, Layers};

#[test]
fn the_committed_reference_is_current() {
    let committed = include_str!("../../../../docs/configuration.md");
    assert!(
        committed == configuration_markdown(),
        "docs/configuration.md is not current; regenerate it with `cargo xtask docs` or `cargo run \
         -p highwater-config --example configuration_markdown > docs/configuration.md`"
    );
}

#[test]
fn the_commented_example_is_a_configuration_and_says_what_the_defaults_are() {
    let text = include_str!("../../../../config/highwater.toml");
    let config = Layers::new()
        .file("highwater.toml", text, FileFormat::Toml)
        .finish()
        .unwrap();
    assert!(config.is_set("log.dirs"));
    // Everything that is commented out must be right too once the sign is taken away.
    let all: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with([' ', '#']) && rest.contains(" = ") => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let all = Layers::new()
        .file("highwater.toml", &all, FileFormat::Toml)
        .finish();
    let all = all.unwrap_or_else(|errors| panic!("{errors}"));
    for (name, set) in all.static_values() {
        let def = find(KeyKind::Broker, name).unwrap();
        if let Some(default) = def.default {
            assert_eq!(set.value, default, "{name}");
        }
    }
}
