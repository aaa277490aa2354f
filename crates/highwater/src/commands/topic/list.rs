//! `highwater topic list`.

use serde::Serialize;

use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, or_dash, print, table};

/// Which topics to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only topics whose name begins like this.
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
    /// Show the brokers' own topics too.
    #[arg(long)]
    internal: bool,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    id: Option<String>,
    partitions: usize,
    replication_factor: Option<usize>,
    internal: bool,
}

#[derive(Debug, Serialize)]
struct ListReport {
    topics: Vec<Listed>,
}

impl Report for ListReport {
    fn text(&self) -> String {
        let row = |topic: &Listed| {
            let replicas = or_dash(topic.replication_factor);
            vec![
                topic.name.clone(),
                topic.partitions.to_string(),
                replicas,
                or_dash(topic.id.as_ref()),
            ]
        };
        let rows = self.topics.iter().map(row).collect();
        table(
            &["name", "partitions", "replicas", "id"],
            &["partitions", "replicas"],
            rows,
        )
    }
}

pub(crate) async fn run(args: &ListArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let prefix = args.prefix.as_deref().unwrap_or("");
    let listed = admin.list_topics().await?.into_values().filter(|topic| {
        (args.internal || !topic.is_internal) && topic.name.as_str().starts_with(prefix)
    });
    let topics = listed.map(|topic| Listed {
        name: topic.name.to_string(),
        id: (!topic.id.is_zero()).then(|| topic.id.to_string()),
        partitions: topic.partitions.len(),
        replication_factor: topic.partitions.first().map(|p| p.replicas.len()),
        internal: topic.is_internal,
    });
    print(
        &ListReport {
            topics: topics.collect(),
        },
        connect.format,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_lists_topics() {
        let topics = vec![Listed {
            name: "orders".to_owned(),
            id: Some("AAAAAAAAAAAAAAAAAAAAAQ".to_owned()),
            partitions: 12,
            replication_factor: Some(3),
            internal: false,
        }];
        check(
            &ListReport { topics },
            &expect![[r#"
                NAME    PARTITIONS  REPLICAS  ID
                orders          12         3  AAAAAAAAAAAAAAAAAAAAAQ
            "#]],
            &expect![[r#"
                {
                  "topics": [
                    {
                      "name": "orders",
                      "id": "AAAAAAAAAAAAAAAAAAAAAQ",
                      "partitions": 12,
                      "replication_factor": 3,
                      "internal": false
                    }
                  ]
                }"#]],
        );
    }
}
