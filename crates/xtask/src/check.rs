//! `cargo xtask check`: everything that can be said of the tree without running a test.

use anyhow::{Result, bail};

use crate::{docs, repository, rules};

/// Goes through all checks, so that one run names everything that is wrong.
pub(crate) fn run() -> Result<()> {
    let mut findings = Vec::new();
    for arguments in [
        &["fmt", "--all", "--check"] as &[&str],
        &[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    ] {
        if let Err(error) = repository::cargo(arguments) {
            findings.push(format!("{error:#}"));
        }
    }
    findings.extend(rules::violations(
        &repository::root(),
        &repository::metadata()?,
    )?);
    findings.extend(docs::stale());
    for finding in &findings {
        repository::complain(finding);
    }
    if !findings.is_empty() {
        bail!("{} finding(s)", findings.len());
    }
    repository::say("all is well");
    Ok(())
}
