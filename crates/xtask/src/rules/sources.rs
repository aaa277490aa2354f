//! Rules over source text.

use std::path::Path;

use super::scan::Source;
use crate::layers::{EMPTY_NAMES, FILE_LINES_MAX, HOUSES, IMPURE_WORDS, UNSAFE_OWNER};

/// All violations.
pub(super) fn violations(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut found: Vec<String> = HOUSES
        .iter()
        .filter(|house| !inherits_lints(&root.join("crates").join(house.folder)))
        .map(|house| {
            format!(
                "crates/{} does not take the lints of the workspace",
                house.folder
            )
        })
        .collect();
    for source in sources {
        found.extend(too_long(source));
        found.extend(says_nothing(source));
        found.extend(impure(source));
        found.extend(unsafe_code(source));
    }
    found
}

fn inherits_lints(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.contains("[lints]\nworkspace = true")
}

/// Crates that do not say what they are for.
pub(super) fn without_readme(root: &Path) -> Vec<String> {
    HOUSES
        .iter()
        .filter(|house| {
            !root
                .join("crates")
                .join(house.folder)
                .join("README.md")
                .is_file()
        })
        .map(|house| format!("crates/{} has no README.md", house.folder))
        .collect()
}

pub(super) fn too_long(source: &Source) -> Option<String> {
    (source.lines > FILE_LINES_MAX).then(|| {
        let path = source.path.display();
        format!(
            "{path} has {} lines; {FILE_LINES_MAX} are allowed",
            source.lines
        )
    })
}

/// A module of such a name, as a file or folder or inside a file.
pub(super) fn says_nothing(source: &Source) -> Vec<String> {
    let in_path = source
        .path
        .with_extension("")
        .components()
        .filter_map(|part| part.as_os_str().to_str().map(str::to_owned))
        .collect::<Vec<_>>();
    let declared = source.code.iter().filter_map(|(_, line)| {
        let (_, after) = line.split_once("mod ")?;
        after.strip_suffix(" {").map(str::to_owned)
    });
    in_path
        .into_iter()
        .chain(declared)
        .filter(|name| EMPTY_NAMES.contains(&name.as_str()))
        .map(|name| {
            format!(
                "{}: a module named `{name}` says nothing",
                source.path.display()
            )
        })
        .collect()
}

pub(super) fn impure(source: &Source) -> Vec<String> {
    let pure = HOUSES
        .iter()
        .any(|house| Some(house.folder) == source.house() && house.layer.is_pure());
    if !pure || source.is_test {
        return Vec::new();
    }
    findings(source, |line| {
        IMPURE_WORDS
            .iter()
            .find(|word| has_word(line, word))
            .map(|word| format!("a pure crate has no use for `{word}`; hand it in as an argument"))
    })
}

/// The keyword outside tests, and leave to use it anywhere: the lint of the workspace does the
/// rest.
pub(super) fn unsafe_code(source: &Source) -> Vec<String> {
    if source.house() == Some(UNSAFE_OWNER) {
        return Vec::new();
    }
    findings(source, |line| {
        let leave = ["allow(unsafe_code", "expect(unsafe_code"];
        let found = (!source.is_test && has_word(line, "unsafe"))
            || leave.iter().any(|word| has_word(line, word));
        found.then(|| format!("`unsafe` stays in crate `{UNSAFE_OWNER}`"))
    })
}

fn findings(source: &Source, judge: impl Fn(&str) -> Option<String>) -> Vec<String> {
    source
        .code
        .iter()
        .filter_map(|(number, line)| {
            judge(line).map(|what| format!("{}:{number}: {what}", source.path.display()))
        })
        .collect()
}

/// Whether a line has a word that is not part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let ends_open = word.ends_with(|last: char| !is_name(last));
        !before.is_some_and(is_name) && (ends_open || !after.is_some_and(is_name))
    })
}
