//! Where the repository is, and how its programs are run and its findings told.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// The root of the working tree, from where this crate was built.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// What cargo knows of the workspace and all it depends on.
pub(crate) fn metadata() -> Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .context("cargo metadata")
}

/// Runs cargo in the root and fails if it fails.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: &[S]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.as_ref().to_string_lossy())
            .collect();
        bail!("cargo {} failed: {status}", words.join(" "));
    }
    Ok(())
}

/// Tells the person who ran the command. There is nobody left to tell if that fails.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Tells of a failure.
pub(crate) fn complain(line: &str) {
    writeln!(std::io::stderr(), "error: {line}").ok();
}
