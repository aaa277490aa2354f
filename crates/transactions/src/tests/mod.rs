//! Scenarios and properties of whole shards.

mod administration;
mod bumping;
mod expiry;
mod fencing;
mod foreign_logs;
mod initialising;
mod keeping;
mod markers;
mod properties;
mod reloads;
mod scale;
mod script;
mod timeouts;

use expect_test::Expect;

/// Runs a script and compares all it printed; `UPDATE_EXPECT=1` takes over what it prints.
fn check(script: &str, expect: &Expect) {
    expect.assert_eq(&script::run(script));
}
