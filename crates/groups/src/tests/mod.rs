//! Scenarios and properties of whole shards.

mod expiry;
mod foreign_logs;
mod leaving;
mod limits;
mod offsets;
mod printing;
mod properties;
mod rebalances;
mod reloads;
mod scale;
mod script;
mod static_members;
mod transactions;

use expect_test::Expect;

/// Runs a script and compares all it printed; `UPDATE_EXPECT=1` takes over what it prints.
fn check(script: &str, expect: &Expect) {
    expect.assert_eq(&script::run(script));
}
