//! `highwater config`: prints the configuration that a broker would run with, and where each
//! value comes from.

use std::process::ExitCode;

use crate::broker_command::{BrokerArgs, load};
use crate::output::{complain, print_line};

pub(crate) fn run(args: &BrokerArgs) -> ExitCode {
    let node = match load(args) {
        Ok(node) => node,
        Err(error) => {
            complain(error);
            return ExitCode::from(2);
        }
    };
    for row in node.rows(false) {
        let value = row.value.as_deref().unwrap_or("null");
        print_line(&format!("{} = {value}    # {}", row.name, row.origin));
    }
    ExitCode::SUCCESS
}
