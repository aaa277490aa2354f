//! `highwater txn describe`.

use highwater_client::TransactionDescription;
use serde::Serialize;

use crate::commands::settle;
use crate::connect::ConnectArgs;
use crate::error::CommandError;
use crate::output::{Report, print};

/// Which transactional ids to describe.
#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    /// The transactional ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Described {
    transactional_id: String,
    state: String,
    producer_id: i64,
    producer_epoch: i16,
    timeout_ms: i32,
    /// Null if it has not had a transaction.
    start_ms: Option<i64>,
    partitions: Vec<String>,
}

impl From<TransactionDescription> for Described {
    fn from(found: TransactionDescription) -> Self {
        Self {
            transactional_id: found.id,
            state: found.state,
            producer_id: found.producer_id.get(),
            producer_epoch: found.producer_epoch.get(),
            timeout_ms: found.timeout_ms,
            start_ms: found.start_ms,
            partitions: found.partitions.iter().map(ToString::to_string).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct DescribeReport {
    transactions: Vec<Described>,
}

impl Report for DescribeReport {
    fn text(&self) -> String {
        let describe = |found: &Described| {
            let start = found.start_ms.map_or_else(
                || "no transaction yet".to_owned(),
                |start_ms| format!("last transaction began at {start_ms}"),
            );
            let partitions = match &found.partitions[..] {
                [] => String::new(),
                partitions => format!("  {}\n", partitions.join(" ")),
            };
            format!(
                "transactional id {}, {}, producer {} epoch {}, timeout {} ms, {start}\n{partitions}",
                found.transactional_id,
                found.state,
                found.producer_id,
                found.producer_epoch,
                found.timeout_ms,
            )
        };
        self.transactions.iter().map(describe).collect()
    }
}

pub(crate) async fn run(args: &DescribeArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let (mut transactions, mut failures) = (Vec::new(), Vec::new());
    for id in &args.ids {
        match admin.describe_transaction(id).await? {
            Ok(found) => transactions.push(Described::from(found)),
            Err(e) => failures.push(format!("transactional id {id}: {e}")),
        }
    }
    print(&DescribeReport { transactions }, connect.format)?;
    settle(&failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_shows_producers_and_partitions() {
        let described = |start_ms, partitions: &[&str]| Described {
            transactional_id: "billing-0".to_owned(),
            state: "Ongoing".to_owned(),
            producer_id: 4000,
            producer_epoch: 3,
            timeout_ms: 60_000,
            start_ms,
            partitions: partitions.iter().map(ToString::to_string).collect(),
        };
        let transactions = vec![described(Some(1000), &["t-0", "t-1"]), described(None, &[])];
        check(
            &DescribeReport { transactions },
            &expect![[r#"
                transactional id billing-0, Ongoing, producer 4000 epoch 3, timeout 60000 ms, last transaction began at 1000
                  t-0 t-1
                transactional id billing-0, Ongoing, producer 4000 epoch 3, timeout 60000 ms, no transaction yet
            "#]],
            &expect![[r#"
                {
                  "transactions": [
                    {
                      "transactional_id": "billing-0",
                      "state": "Ongoing",
                      "producer_id": 4000,
                      "producer_epoch": 3,
                      "timeout_ms": 60000,
                      "start_ms": 1000,
                      "partitions": [
                        "t-0",
                        "t-1"
                      ]
                    },
                    {
                      "transactional_id": "billing-0",
                      "state": "Ongoing",
                      "producer_id": 4000,
                      "producer_epoch": 3,
                      "timeout_ms": 60000,
                      "start_ms": null,
                      "partitions": []
                    }
                  ]
                }"#]],
        );
    }
}
