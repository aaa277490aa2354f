//! `highwater group list`.

use serde::Serialize;

use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, print, table};

/// Which groups to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only groups whose id begins like this.
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    group: String,
    state: String,
    #[serde(rename = "type")]
    group_type: String,
    protocol_type: String,
}

#[derive(Debug, Serialize)]
struct ListReport {
    groups: Vec<Listed>,
}

impl Report for ListReport {
    fn text(&self) -> String {
        let row = |group: &Listed| {
            let fields = [
                &group.group,
                &group.state,
                &group.group_type,
                &group.protocol_type,
            ];
            fields.map(Clone::clone).to_vec()
        };
        let rows = self.groups.iter().map(row).collect();
        table(&["group", "state", "type", "protocol type"], &[], rows)
    }
}

pub(crate) async fn run(args: &ListArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let prefix = args.prefix.as_deref().unwrap_or("");
    let listed = admin
        .list_groups()
        .await?
        .into_iter()
        .filter(|g| g.id.starts_with(prefix));
    let groups = listed.map(|group| Listed {
        group: group.id,
        state: group.state,
        group_type: group.group_type,
        protocol_type: group.protocol_type,
    });
    print(
        &ListReport {
            groups: groups.collect(),
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
    fn the_report_lists_groups() {
        let groups = vec![Listed {
            group: "billing".to_owned(),
            state: "Stable".to_owned(),
            group_type: "classic".to_owned(),
            protocol_type: "consumer".to_owned(),
        }];
        check(
            &ListReport { groups },
            &expect![[r#"
                GROUP    STATE   TYPE     PROTOCOL TYPE
                billing  Stable  classic  consumer
            "#]],
            &expect![[r#"
                {
                  "groups": [
                    {
                      "group": "billing",
                      "state": "Stable",
                      "type": "classic",
                      "protocol_type": "consumer"
                    }
                  ]
                }"#]],
        );
    }
}
