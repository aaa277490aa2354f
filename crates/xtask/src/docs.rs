//! Documents that are generated from the code, so that they cannot say something else.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::repository;

/// A document that is generated as a whole.
struct Generated {
    path: &'static str,
    text: fn() -> String,
}

const GENERATED: &[Generated] = &[Generated {
    path: "docs/configuration.md",
    text: highwater_config::configuration_markdown,
}];

impl Generated {
    fn full_path(&self) -> PathBuf {
        repository::root().join(self.path)
    }
}

/// Writes those that are not current.
pub(crate) fn write() -> Result<()> {
    for document in GENERATED {
        let text = (document.text)();
        let path = document.full_path();
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            repository::say(&format!("{} is current", document.path));
            continue;
        }
        fs::write(&path, text).with_context(|| format!("cannot write {}", document.path))?;
        repository::say(&format!("{} written", document.path));
    }
    Ok(())
}

/// One line for each document that is not what the code would write.
pub(crate) fn stale() -> Vec<String> {
    GENERATED
        .iter()
        .filter(|document| fs::read_to_string(document.full_path()).ok() != Some((document.text)()))
        .map(|document| format!("{} is not current: run `cargo xtask docs`", document.path))
        .collect()
}
