//! Configuration over the wire: what was written is read again, and what is refused says why.

use highwater_protocol::messages::describe_configs_request::DescribeConfigsResource;
use highwater_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use highwater_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use highwater_protocol::{ErrorCode, StrBytes};

use crate::raw::{Client, start};

const BROKER: i8 = 4;
const CLIENT_METRICS: i8 = 16;
/// Where DescribeConfigs says that a value comes from.
const OF_SUBSCRIPTION: i8 = 7;
const OF_NOBODY: i8 = 5;

/// Sets one key; gives the error and its message.
async fn set(client: &mut Client, kind: i8, name: &str, key: &str, value: &str) -> (i16, String) {
    let config = AlterableConfig::default()
        .with_name(StrBytes::from_string(key.to_owned()))
        .with_config_operation(0)
        .with_value(Some(StrBytes::from_string(value.to_owned())));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(StrBytes::from_string(name.to_owned()))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = client.call(1, &request).await;
    let message = answer.responses[0].error_message.as_deref();
    let message = message.unwrap_or_default().to_owned();
    (answer.responses[0].error_code, message)
}

/// Key, value and source of everything that a resource has.
async fn describe(client: &mut Client, kind: i8, name: &str) -> Vec<(String, String, i8)> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(StrBytes::from_string(name.to_owned()))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let answer = client.call(4, &request).await;
    let configs = answer.results[0].configs.iter();
    let row = configs.map(|config| {
        let value = config.value.as_deref().unwrap_or("null");
        (
            config.name.to_string(),
            value.to_owned(),
            config.config_source,
        )
    });
    row.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_to_metrics_of_clients_are_read_as_they_were_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    let row = |key: &str, value: &str, source| (key.to_owned(), value.to_owned(), source);
    for (key, value) in [("metrics", "a.,b."), ("interval.ms", "1000")] {
        let done = set(&mut client, CLIENT_METRICS, "s", key, value).await;
        assert_eq!(done, (0, String::new()), "{key}");
    }
    assert_eq!(
        describe(&mut client, CLIENT_METRICS, "s").await,
        [
            row("interval.ms", "1000", OF_SUBSCRIPTION),
            row("match", "", OF_NOBODY),
            row("metrics", "a.,b.", OF_SUBSCRIPTION),
        ]
    );
    assert_eq!(describe(&mut client, CLIENT_METRICS, "").await, []);
    for (key, value) in [("interval.ms", "99"), ("match", "who=me"), ("period", "1")] {
        let (error, message) = set(&mut client, CLIENT_METRICS, "s", key, value).await;
        assert_eq!(
            ErrorCode::from_code(error),
            ErrorCode::INVALID_REQUEST,
            "{key}"
        );
        assert!(
            message.contains(key) || message.contains(value),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_are_doubled_at_most_from_what_is_in_effect() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &["num.io.threads=4"]).await;
    let mut client = broker.connect().await;
    for (value, error, message) in [
        (
            "9",
            ErrorCode::INVALID_REQUEST,
            "Dynamic thread count update validation failed for num.io.threads=9, value should not \
             be greater than double the current value 4",
        ),
        ("8", ErrorCode::NONE, ""),
        ("9", ErrorCode::NONE, ""),
    ] {
        let (code, said) = set(&mut client, BROKER, "", "num.io.threads", value).await;
        assert_eq!(
            (ErrorCode::from_code(code), said.as_str()),
            (error, message)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stored_value_that_no_longer_fits_takes_no_other_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let broker = start(dir.path(), &[]).await;
    let mut client = broker.connect().await;
    for (key, value) in [("log.cleaner.threads", "2"), ("max.connections", "77")] {
        let done = set(&mut client, BROKER, "", key, value).await;
        assert_eq!(done, (0, String::new()), "{key}");
    }
    drop(client);
    assert!(broker.stop().await);
    let broker = start(dir.path(), &["log.cleaner.dedupe.buffer.size=1048576"]).await;
    let mut client = broker.connect().await;
    let described = describe(&mut client, BROKER, "1").await;
    let value = |key: &str| {
        let found = described.iter().find(|(name, ..)| name == key);
        found.map(|(_, value, _)| value.as_str())
    };
    assert_eq!(value("max.connections"), Some("77"));
    assert_eq!(value("log.cleaner.threads"), Some("1"));
}
