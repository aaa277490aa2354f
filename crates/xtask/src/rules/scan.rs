//! Source text as the rules see it: without tests, comments and string contents.
//!
//! No parser is needed for that. The tree keeps its tests in child modules (`mod tests;`, or at
//! the end of the file), so everything behind a `#[cfg(test)]` module is test.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// One Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the repository.
    pub(crate) path: PathBuf,
    /// Lines in the file.
    pub(crate) lines: usize,
    /// Whether the file is compiled into tests, examples or benchmarks only.
    pub(crate) is_test: bool,
    /// The code outside tests and comments, line by line with its number.
    pub(crate) code: Vec<(usize, String)>,
}

impl Source {
    /// The folder under `crates/` that the file is in.
    pub(crate) fn house(&self) -> Option<&str> {
        let mut parts = self.path.components().map(|part| part.as_os_str().to_str());
        if parts.next()?? != "crates" {
            return None;
        }
        parts.next()?
    }
}

/// Every Rust file under `crates/`, `fuzz/` and `tests/`.
pub(super) fn all(root: &Path) -> Result<Vec<Source>> {
    let mut texts = Vec::new();
    for folder in ["crates", "fuzz", "tests"] {
        collect(&root.join(folder), &mut texts)?;
    }
    let test_only: BTreeSet<PathBuf> = texts
        .iter()
        .flat_map(|(path, text)| test_modules(path, text))
        .collect();
    Ok(texts
        .iter()
        .map(|(path, text)| Source {
            path: path.strip_prefix(root).unwrap_or(path).to_path_buf(),
            lines: text.lines().count(),
            is_test: is_test(path.strip_prefix(root).unwrap_or(path), path, &test_only),
            code: code(text),
        })
        .collect())
}

fn collect(folder: &Path, into: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && !["target", "node_modules"].contains(&name) && !name.starts_with('.') {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            into.push((path, text));
        }
    }
    Ok(())
}

/// The files and folders of the modules that a file declares for tests only.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let parent = path.parent().unwrap_or(path);
    let children = match stem {
        "lib" | "main" | "mod" => parent.to_path_buf(),
        _ => parent.join(stem),
    };
    declared_for_tests(text)
        .into_iter()
        .flat_map(|name| [children.join(format!("{name}.rs")), children.join(name)])
        .collect()
}

fn declared_for_tests(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut for_tests = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[cfg(test)]") {
            for_tests = true;
        } else if let Some(name) = module_name(line) {
            if for_tests && line.ends_with(';') {
                names.push(name);
            }
            for_tests = false;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            for_tests = false;
        }
    }
    names
}

fn module_name(line: &str) -> Option<&str> {
    let (_, after) = line
        .split_once("mod ")
        .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))?;
    after.split([';', ' ', '{']).next()
}

fn is_test(relative: &Path, path: &Path, test_only: &BTreeSet<PathBuf>) -> bool {
    let in_test_folder = relative.components().any(|part| {
        ["tests", "examples", "benches", "fuzz"]
            .iter()
            .any(|name| part.as_os_str() == *name)
    });
    in_test_folder
        || relative.file_name().is_some_and(|name| name == "tests.rs")
        || path
            .ancestors()
            .any(|ancestor| test_only.contains(ancestor))
}

/// The code of a file up to its inline test module, without comments and string contents.
pub(super) fn code(text: &str) -> Vec<(usize, String)> {
    let mut kept = Vec::new();
    let mut for_tests = false;
    for (index, line) in text.lines().enumerate() {
        let bare = without_comment_and_strings(line);
        let trimmed = bare.trim();
        if trimmed.starts_with("#[cfg(test)]") {
            for_tests = true;
            continue;
        }
        if for_tests && module_name(trimmed).is_some() && trimmed.ends_with('{') {
            break;
        }
        if for_tests && trimmed.starts_with("#[") {
            continue;
        }
        for_tests = false;
        if !trimmed.is_empty() {
            kept.push((index + 1, bare));
        }
    }
    kept
}

/// One line cut at its comment, with the contents of its strings left out. Strings that span
/// lines and block comments are not understood; the house has next to none.
fn without_comment_and_strings(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut characters = line.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => {
                characters.next();
            }
            '"' => in_string = !in_string,
            _ if in_string => {}
            '\'' if characters.peek() == Some(&'"') => {
                characters.next();
            }
            '/' if characters.peek() == Some(&'/') => break,
            _ => kept.push(character),
        }
    }
    kept
}
