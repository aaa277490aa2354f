//! Prints the reference of all keys: `cargo run -p highwater-config --example
//! configuration_markdown > docs/configuration.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(highwater_config::configuration_markdown().as_bytes())
}
