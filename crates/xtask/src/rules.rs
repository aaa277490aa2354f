//! The rules of the house, each a function from the workspace to its violations.

mod dependencies;
mod scan;
mod sources;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Result;
use cargo_metadata::Metadata;

/// Every violation of every rule, one line each.
pub(crate) fn violations(root: &Path, metadata: &Metadata) -> Result<Vec<String>> {
    let sources = scan::all(root)?;
    let mut found = dependencies::violations(metadata);
    found.extend(sources::violations(root, &sources));
    found.extend(sources::without_readme(root));
    Ok(found)
}
