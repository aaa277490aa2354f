//! Measures the broker from outside.
fn main() {}
