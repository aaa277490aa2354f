//! `highwater txn list`.

use serde::Serialize;

use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, print, table};

/// Which transactional ids to list.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// Only ids that begin like this.
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    transactional_id: String,
    state: String,
    producer_id: i64,
}

#[derive(Debug, Serialize)]
struct ListReport {
    transactions: Vec<Listed>,
}

impl Report for ListReport {
    fn text(&self) -> String {
        let row = |listed: &Listed| {
            let id = listed.producer_id.to_string();
            vec![listed.transactional_id.clone(), listed.state.clone(), id]
        };
        let rows = self.transactions.iter().map(row).collect();
        table(
            &["transactional id", "state", "producer id"],
            &["producer id"],
            rows,
        )
    }
}

pub(crate) async fn run(args: &ListArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let prefix = args.prefix.as_deref().unwrap_or("");
    let listed = admin.list_transactions().await?.into_iter();
    let transactions = listed.filter(|listed| listed.id.starts_with(prefix));
    let transactions = transactions.map(|listed| Listed {
        transactional_id: listed.id,
        state: listed.state,
        producer_id: listed.producer_id.get(),
    });
    print(
        &ListReport {
            transactions: transactions.collect(),
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
    fn the_report_lists_transactional_ids() {
        let transactions = vec![Listed {
            transactional_id: "billing-0".to_owned(),
            state: "Ongoing".to_owned(),
            producer_id: 4000,
        }];
        check(
            &ListReport { transactions },
            &expect![[r#"
            TRANSACTIONAL ID  STATE    PRODUCER ID
            billing-0         Ongoing         4000
        "#]],
            &expect![[r#"
            {
              "transactions": [
                {
                  "transactional_id": "billing-0",
                  "state": "Ongoing",
                  "producer_id": 4000
                }
              ]
            }"#]],
        );
    }
}
