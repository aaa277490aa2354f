//! Log directories that are not there at a start.

use std::path::Path;

use crate::raw::{TestBroker, try_start};
use highwater_broker::StartError;

async fn on(dirs: &[&Path]) -> TestBroker {
    try_start(dirs, &["auto.create.topics.enable=false"])
        .await
        .expect("a broker")
}

/// Makes ten topics with a record each over two directories; returns those of the second.
async fn fill(first: &Path, second: &Path) -> Vec<String> {
    let broker = on(&[first, second]).await;
    let mut client = broker.connect().await;
    for topic in 0..10 {
        let topic = format!("t{topic}");
        client.create(&topic, 1).await;
        assert_eq!(client.produce(&topic, 0, "a").await, (0, 0));
    }
    assert!(broker.stop().await);
    let there = |topic: &String| second.join(format!("{topic}-0")).exists();
    (0..10).map(|at| format!("t{at}")).filter(there).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_on_a_directory_that_is_away_are_not_made_anew() {
    let home = tempfile::tempdir().expect("a directory");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let moved = fill(&first, &second).await;
    assert!((1..10).contains(&moved.len()), "{moved:?}");
    let away = home.path().join("away");
    std::fs::rename(&second, &away).expect("moved");
    // Twice, since the first start is what the second one knows of.
    for _ in 0..2 {
        let broker = on(&[&first, &second]).await;
        assert_eq!(broker.report.partitions_failed, moved.len());
        let mut client = broker.connect().await;
        for topic in &moved {
            let (error, _) = client.produce(topic, 0, "lost").await;
            assert_ne!(error, 0, "{topic}");
        }
        client.create("new", 1).await;
        assert_eq!(client.produce("new", 0, "a").await, (0, 0));
        client.delete("new").await;
        assert!(broker.stop().await);
    }
    std::fs::remove_dir_all(&second).expect("removed");
    std::fs::rename(&away, &second).expect("moved back");
    let broker = on(&[&first, &second]).await;
    assert_eq!(broker.report.partitions_failed, 0);
    let mut client = broker.connect().await;
    for topic in &moved {
        assert_eq!(client.produce(topic, 0, "b").await, (0, 1), "{topic}");
    }
    assert!(broker.stop().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_cluster_is_started_anew_beside_logs_of_another() {
    let home = tempfile::tempdir().expect("a directory");
    let (first, second) = (home.path().join("first"), home.path().join("second"));
    let moved = fill(&first, &second).await;
    let away = home.path().join("away");
    std::fs::rename(&first, &away).expect("moved");
    let refused = try_start(&[&first, &second], &[]).await.err();
    assert!(
        matches!(refused, Some(StartError::NoMetadata)),
        "{refused:?}"
    );
    for topic in &moved {
        assert!(second.join(format!("{topic}-0")).exists(), "{topic}");
    }
    std::fs::remove_dir_all(&first).expect("removed");
    std::fs::rename(&away, &first).expect("moved back");
    let broker = on(&[&first, &second]).await;
    assert_eq!(broker.report.partitions_failed, 0);
    assert!(broker.stop().await);
}
