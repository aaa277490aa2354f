//! `cargo xtask bench`: builds what is measured and what measures, both optimised, and starts it.
//!
//! The measuring is done by a program of its own, `highwater-bench`, because a driver that is
//! not optimised would measure itself.

use std::{ffi::OsString, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::repository;

/// Everything is handed on.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct BenchArguments {
    /// Arguments of `highwater-bench`; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds, then measures.
pub(crate) fn run(arguments: &BenchArguments) -> Result<()> {
    repository::cargo(&[
        "build",
        "--release",
        "--package",
        "highwater",
        "--package",
        "highwater-bench",
    ])?;
    let programs = PathBuf::from(repository::metadata()?.target_directory).join("release");
    let status = Command::new(programs.join("highwater-bench"))
        .arg("--highwater")
        .arg(programs.join("highwater"))
        .args(&arguments.arguments)
        .current_dir(repository::root())
        .status()
        .context("cannot start highwater-bench")?;
    if !status.success() {
        bail!("highwater-bench failed: {status}");
    }
    Ok(())
}
