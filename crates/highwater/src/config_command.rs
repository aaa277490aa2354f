//! `highwater config`: prints the configuration that a broker would run with.

use std::process::ExitCode;

use crate::broker_command::BrokerArgs;
use crate::output::complain;

pub(crate) fn run(args: &BrokerArgs) -> ExitCode {
    let _ = args;
    complain("not built yet");
    ExitCode::FAILURE
}
