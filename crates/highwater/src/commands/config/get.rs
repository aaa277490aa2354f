//! `highwater config get`.

use highwater_client::{ConfigEntry, ConfigSource};
use serde::Serialize;

use super::{ResourceArgs, label};
use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, or_dash, print, table};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    resource: ResourceArgs,
    /// Only these keys.
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Leave out what nobody has set.
    #[arg(long)]
    changed: bool,
}

#[derive(Debug, Serialize)]
struct Synonym {
    name: String,
    value: Option<String>,
    source: &'static str,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    value: Option<String>,
    source: &'static str,
    #[serde(rename = "type")]
    value_type: Option<&'static str>,
    read_only: bool,
    sensitive: bool,
    synonyms: Vec<Synonym>,
    documentation: Option<String>,
}

#[derive(Debug, Serialize)]
struct GetReport {
    kind: &'static str,
    name: String,
    configs: Vec<Entry>,
}

impl Report for GetReport {
    fn text(&self) -> String {
        let row = |entry: &Entry| {
            let value = match (&entry.value, entry.sensitive) {
                (Some(value), _) => value.clone(),
                (None, true) => "(hidden)".to_owned(),
                (None, false) => "-".to_owned(),
            };
            vec![
                entry.name.clone(),
                value,
                entry.source.to_owned(),
                or_dash(entry.value_type),
            ]
        };
        let rows = self.configs.iter().map(row).collect();
        table(&["key", "value", "source", "type"], &[], rows)
    }
}

fn entry(entry: ConfigEntry) -> Entry {
    let synonyms = entry.synonyms.into_iter().map(|synonym| Synonym {
        name: synonym.name,
        value: synonym.value,
        source: synonym.source.name(),
    });
    Entry {
        name: entry.name,
        value: entry.value,
        source: entry.source.name(),
        value_type: entry.value_type,
        read_only: entry.is_read_only,
        sensitive: entry.is_sensitive,
        synonyms: synonyms.collect(),
        documentation: entry.documentation,
    }
}

pub(crate) async fn run(args: &GetArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let resource = args.resource.resource()?;
    let admin = connect.admin().await?;
    let entries = admin.describe_configs(&resource).await?;
    let entries = entries.map_err(|e| CommandError::failed(label(&resource), e))?;
    if let Some(unknown) = args.keys.iter().find(|key| !entries.contains_key(*key)) {
        return Err(CommandError::Failed(format!(
            "{} has no key {unknown:?}",
            label(&resource)
        )));
    }
    let wanted = entries.into_values().filter(|entry| {
        (args.keys.is_empty() || args.keys.contains(&entry.name))
            && !(args.changed && entry.source == ConfigSource::Default)
    });
    let report = GetReport {
        kind: resource.kind.name(),
        name: args.resource.name.clone(),
        configs: wanted.map(entry).collect(),
    };
    print(&report, connect.format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_says_where_a_value_comes_from() {
        let configs = vec![Entry {
            name: "retention.ms".to_owned(),
            value: Some("1000".to_owned()),
            source: "topic",
            value_type: Some("long"),
            read_only: false,
            sensitive: false,
            synonyms: vec![Synonym {
                name: "log.retention.ms".to_owned(),
                value: Some("5".to_owned()),
                source: "static-broker",
            }],
            documentation: Some("How long.".to_owned()),
        }];
        check(
            &GetReport {
                kind: "topic",
                name: "orders".to_owned(),
                configs,
            },
            &expect![[r#"
                KEY           VALUE  SOURCE  TYPE
                retention.ms  1000   topic   long
            "#]],
            &expect![[r#"
                {
                  "kind": "topic",
                  "name": "orders",
                  "configs": [
                    {
                      "name": "retention.ms",
                      "value": "1000",
                      "source": "topic",
                      "type": "long",
                      "read_only": false,
                      "sensitive": false,
                      "synonyms": [
                        {
                          "name": "log.retention.ms",
                          "value": "5",
                          "source": "static-broker"
                        }
                      ],
                      "documentation": "How long."
                    }
                  ]
                }"#]],
        );
    }
}
