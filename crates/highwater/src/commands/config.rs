//! `highwater config …`: configs of topics, brokers and groups over the wire.

mod get;
mod set;
mod unset;

use clap::{Subcommand, ValueEnum};
use highwater_client::{ConfigChange, ConfigOperation, ConfigResource, ResourceKind};
use serde::Serialize;

use crate::broker_command::BrokerArgs;
use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, print};

/// `config` alone prints what a broker here would run with; its subcommands talk to a cluster.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = false)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ConfigCommand>,
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// What to do with configs of a cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show configs with where each value comes from.
    Get(get::GetArgs),
    /// Give keys values.
    Set(set::SetArgs),
    /// Take keys back to what counts without them.
    Unset(unset::UnsetArgs),
}

pub(crate) async fn run(command: ConfigCommand, connect: ConnectArgs) -> Result<(), CommandError> {
    match command {
        ConfigCommand::Get(args) => get::run(&args, &connect).await,
        ConfigCommand::Set(args) => set::run(&args, &connect).await,
        ConfigCommand::Unset(args) => unset::run(&args, &connect).await,
    }
}

/// What a config belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A topic, by name.
    Topic,
    /// A broker by id, or `default` for what all brokers share.
    Broker,
    /// A group, by id.
    Group,
}

/// Which resource.
#[derive(Debug, clap::Args)]
pub(crate) struct ResourceArgs {
    /// What the config belongs to.
    #[arg(value_enum)]
    kind: Kind,
    /// Its name: a topic, a broker's id or `default`, a group.
    #[arg(value_name = "NAME")]
    name: String,
}

impl ResourceArgs {
    fn resource(&self) -> Result<ConfigResource, CommandError> {
        let (kind, name) = match self.kind {
            Kind::Topic => (ResourceKind::Topic, self.name.clone()),
            Kind::Group => (ResourceKind::Group, self.name.clone()),
            Kind::Broker if self.name == "default" => (ResourceKind::Broker, String::new()),
            Kind::Broker => {
                let id: Result<i32, _> = self.name.parse();
                let id = id.map_err(|_| {
                    let name = &self.name;
                    CommandError::Usage(format!("{name:?} is neither a broker id nor \"default\""))
                })?;
                (ResourceKind::Broker, id.to_string())
            }
        };
        Ok(ConfigResource { kind, name })
    }
}

/// A resource as people write it.
fn label(resource: &ConfigResource) -> String {
    let name = if resource.name.is_empty() {
        "default"
    } else {
        &resource.name
    };
    format!("{} {name}", resource.kind.name())
}

#[derive(Debug, Serialize)]
struct Change {
    name: String,
    operation: &'static str,
    value: Option<String>,
}

#[derive(Debug, Serialize)]
struct ChangeReport {
    kind: &'static str,
    name: String,
    dry_run: bool,
    changes: Vec<Change>,
}

impl Report for ChangeReport {
    fn text(&self) -> String {
        let would = if self.dry_run { "would " } else { "" };
        let line = |change: &Change| {
            let what = match &change.value {
                Some(value) => format!("{}={value}", change.name),
                None => change.name.clone(),
            };
            format!(
                "{} {}: {would}{} {what}\n",
                self.kind, self.name, change.operation
            )
        };
        self.changes.iter().map(line).collect()
    }
}

/// Changes configs of a resource and reports the changes.
pub(crate) async fn change(
    resource: &ConfigResource,
    changes: &[ConfigChange],
    dry_run: bool,
    connect: &ConnectArgs,
) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let outcome = admin.alter_configs(resource, changes, dry_run).await?;
    outcome.map_err(|e| CommandError::failed(label(resource), e))?;
    let described = changes.iter().map(|change| {
        let (operation, value) = match &change.operation {
            ConfigOperation::Set(value) => ("set", Some(value.clone())),
            ConfigOperation::Unset => ("unset", None),
            ConfigOperation::Append(value) => ("append", Some(value.clone())),
            ConfigOperation::Subtract(value) => ("subtract", Some(value.clone())),
        };
        Change {
            name: change.name.clone(),
            operation,
            value,
        }
    });
    let report = ChangeReport {
        kind: resource.kind.name(),
        name: if resource.name.is_empty() {
            "default".into()
        } else {
            resource.name.clone()
        },
        dry_run,
        changes: described.collect(),
    };
    print(&report, connect.format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_names_each_change() {
        let report = ChangeReport {
            kind: "topic",
            name: "orders".to_owned(),
            dry_run: false,
            changes: vec![
                Change {
                    name: "retention.ms".to_owned(),
                    operation: "set",
                    value: Some("1000".to_owned()),
                },
                Change {
                    name: "cleanup.policy".to_owned(),
                    operation: "unset",
                    value: None,
                },
            ],
        };
        check(
            &report,
            &expect![[r#"
                topic orders: set retention.ms=1000
                topic orders: unset cleanup.policy
            "#]],
            &expect![[r#"
                {
                  "kind": "topic",
                  "name": "orders",
                  "dry_run": false,
                  "changes": [
                    {
                      "name": "retention.ms",
                      "operation": "set",
                      "value": "1000"
                    },
                    {
                      "name": "cleanup.policy",
                      "operation": "unset",
                      "value": null
                    }
                  ]
                }"#]],
        );
    }
}
