//! `highwater txn abort`.

use highwater_client::{AbortMarker, ActiveProducer, Admin};
use highwater_types::{Offset, PartitionIndex, ProducerEpoch, TopicName, TopicPartition};
use serde::Serialize;

use crate::commands::{Confirmation, confirmed, settle};
use crate::connect::{ConnectArgs, parse_topic};
use crate::error::CommandError;
use crate::output::{Failure, Report, print};

/// Which transaction to abort.
#[derive(Debug, clap::Args)]
pub(crate) struct AbortArgs {
    /// The topic.
    #[arg(value_name = "TOPIC", value_parser = parse_topic)]
    topic: TopicName,
    /// The partition.
    #[arg(value_name = "PARTITION")]
    partition: i32,
    /// The first offset of the transaction on this partition.
    #[arg(value_name = "START_OFFSET")]
    start_offset: i64,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Debug, Serialize)]
struct AbortReport {
    partition: String,
    start_offset: i64,
    producer_id: i64,
    producer_epoch: i32,
    aborted: bool,
    error: Option<Failure>,
}

impl Report for AbortReport {
    fn text(&self) -> String {
        let what = match (&self.error, self.aborted) {
            (Some(_), _) => return String::new(),
            (None, true) => "aborted",
            (None, false) => "would be aborted",
        };
        format!(
            "{}: {what}, the transaction of producer {} epoch {} from offset {}\n",
            self.partition, self.producer_id, self.producer_epoch, self.start_offset,
        )
    }
}

/// The producer whose transaction begins at an offset.
async fn find(
    admin: &Admin,
    partition: &TopicPartition,
    start: Offset,
) -> Result<ActiveProducer, CommandError> {
    let mut found = admin.describe_producers(vec![partition.clone()]).await?;
    let producers = found.remove(partition).unwrap_or(Ok(Vec::new()));
    let producers =
        producers.map_err(|e| CommandError::failed(format!("partition {partition}"), e))?;
    let begins = |producer: &ActiveProducer| producer.transaction_start == Some(start);
    producers.into_iter().find(begins).ok_or_else(|| {
        let what = format!("no transaction that is open begins at offset {start}");
        CommandError::failed(format!("partition {partition}"), what)
    })
}

pub(crate) async fn run(args: &AbortArgs, connect: &ConnectArgs) -> Result<(), CommandError> {
    let admin = connect.admin().await?;
    let partition = TopicPartition::new(args.topic.clone(), PartitionIndex(args.partition));
    let producer = find(&admin, &partition, Offset(args.start_offset)).await?;
    let mut report = AbortReport {
        partition: partition.to_string(),
        start_offset: args.start_offset,
        producer_id: producer.producer_id.get(),
        producer_epoch: producer.producer_epoch,
        aborted: false,
        error: None,
    };
    if args.confirmation.yes {
        let marker = AbortMarker {
            producer_id: producer.producer_id,
            producer_epoch: ProducerEpoch(i16::try_from(producer.producer_epoch).unwrap_or(-1)),
            coordinator_epoch: producer.coordinator_epoch.max(0),
        };
        match admin.write_abort_marker(&partition, marker).await? {
            Ok(()) => report.aborted = true,
            Err(e) => report.error = Some(e.into()),
        }
    }
    let failures = report.error.iter();
    let failures = failures.map(|e| format!("partition {partition}: {}", e.text()));
    let failures: Vec<_> = failures.collect();
    print(&report, connect.format)?;
    settle(&failures)?;
    confirmed(&args.confirmation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::check;
    use expect_test::expect;

    #[test]
    fn the_report_says_whose_transaction_it_is() {
        let report = AbortReport {
            partition: "t-0".to_owned(),
            start_offset: 7,
            producer_id: 4000,
            producer_epoch: 3,
            aborted: true,
            error: None,
        };
        check(
            &report,
            &expect![[r#"
            t-0: aborted, the transaction of producer 4000 epoch 3 from offset 7
        "#]],
            &expect![[r#"
            {
              "partition": "t-0",
              "start_offset": 7,
              "producer_id": 4000,
              "producer_epoch": 3,
              "aborted": true,
              "error": null
            }"#]],
        );
    }
}
