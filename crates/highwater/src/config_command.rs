//! `highwater config`: prints the configuration that a broker would run with, and where each
//! value comes from.

use std::process::ExitCode;

use highwater_config::EffectiveRow;
use serde::Serialize;

use crate::broker_command::{BrokerArgs, load};
use crate::error::CommandError;
use crate::output::{Format, Report, complain, print};

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    value: Option<String>,
    origin: String,
}

/// The effective configuration, by name.
#[derive(Debug, Serialize)]
struct Effective {
    configs: Vec<Row>,
}

impl From<EffectiveRow> for Row {
    fn from(row: EffectiveRow) -> Self {
        Self {
            name: row.name,
            value: row.value,
            origin: row.origin.to_string(),
        }
    }
}

impl Report for Effective {
    fn text(&self) -> String {
        let line = |row: &Row| {
            let value = row.value.as_deref().unwrap_or("null");
            format!("{} = {value}    # {}\n", row.name, row.origin)
        };
        self.configs.iter().map(line).collect()
    }
}

pub(crate) fn run(args: &BrokerArgs, format: Format) -> ExitCode {
    let node = match load(args) {
        Ok(node) => node,
        Err(error) => {
            complain(error);
            return ExitCode::from(2);
        }
    };
    let configs = node.rows(false).into_iter().map(Row::from).collect();
    match print(&Effective { configs }, format) {
        Ok(()) | Err(CommandError::OutputClosed) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            error.exit_code()
        }
    }
}
