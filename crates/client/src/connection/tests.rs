use super::*;
use highwater_protocol::Encodable;
use highwater_protocol::messages::{HeartbeatRequest, HeartbeatResponse, ResponseHeader};
use tokio::io::DuplexStream;

const LIMIT: Duration = Duration::from_secs(5);

fn pair(options: &ConnectionOptions) -> (Connection, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    (Connection::start(ours, "test:1", options), theirs)
}

/// Reads one request and gives its correlation id.
async fn receive(broker: &mut DuplexStream) -> i32 {
    let length = broker.read_i32().await.unwrap();
    let mut frame = vec![0; length as usize];
    broker.read_exact(&mut frame).await.unwrap();
    i32::from_be_bytes(frame[4..8].try_into().unwrap())
}

async fn answer(broker: &mut DuplexStream, correlation_id: i32, error_code: i16) {
    let mut body = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut body, 0).unwrap();
    HeartbeatResponse::default()
        .with_error_code(error_code)
        .encode(&mut body, 0)
        .unwrap();
    broker.write_i32(body.len() as i32).await.unwrap();
    broker.write_all(&body).await.unwrap();
}

async fn heartbeat(connection: &Connection) -> Result<i16, ClientError> {
    let request = HeartbeatRequest::default();
    Ok(connection.call(0, &request, LIMIT).await?.error_code)
}

#[tokio::test]
async fn requests_are_pipelined_and_answers_find_their_callers() {
    let (connection, mut broker) = pair(&ConnectionOptions::default());
    let broker = async {
        let first = receive(&mut broker).await;
        let second = receive(&mut broker).await;
        answer(&mut broker, first, 1).await;
        answer(&mut broker, second, 2).await;
    };
    let (one, two, ()) = tokio::join!(heartbeat(&connection), heartbeat(&connection), broker);
    assert_eq!((one, two), (Ok(1), Ok(2)));
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_disturb_the_next_answer() {
    let (connection, mut broker) = pair(&ConnectionOptions::default());
    let first = tokio::select! {
        biased;
        id = receive(&mut broker) => id,
        _ = heartbeat(&connection) => unreachable!("nobody has answered"),
    };
    let broker = async {
        answer(&mut broker, first, 1).await;
        let second = receive(&mut broker).await;
        answer(&mut broker, second, 2).await;
    };
    let (two, ()) = tokio::join!(heartbeat(&connection), broker);
    assert_eq!(two, Ok(2));
}

#[tokio::test]
async fn a_wrong_correlation_id_ends_the_connection() {
    let (connection, mut broker) = pair(&ConnectionOptions::default());
    let broker = async {
        let id = receive(&mut broker).await;
        answer(&mut broker, id + 7, 0).await;
    };
    let (outcome, ()) = tokio::join!(heartbeat(&connection), broker);
    assert!(
        matches!(outcome, Err(ClientError::Malformed { .. })),
        "{outcome:?}"
    );
    assert!(connection.has_ended());
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_from_its_length() {
    for declared in [1025, i32::MAX, -1] {
        let options = ConnectionOptions {
            response_bytes_max: 1024,
            ..Default::default()
        };
        let (connection, mut broker) = pair(&options);
        let broker = async {
            receive(&mut broker).await;
            broker.write_i32(declared).await.unwrap();
        };
        let (outcome, ()) = tokio::join!(heartbeat(&connection), broker);
        assert!(
            matches!(outcome, Err(ClientError::ResponseTooLarge { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_hang_up_fails_everyone_who_waits() {
    let (connection, mut broker) = pair(&ConnectionOptions::default());
    let broker = async move {
        receive(&mut broker).await;
        receive(&mut broker).await;
    };
    let (one, two, ()) = tokio::join!(heartbeat(&connection), heartbeat(&connection), broker);
    for outcome in [one, two, heartbeat(&connection).await] {
        assert!(
            matches!(outcome, Err(ClientError::ConnectionLost { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_ends_the_connection() {
    let (connection, _broker) = pair(&ConnectionOptions::default());
    let outcome = heartbeat(&connection).await;
    assert!(
        matches!(outcome, Err(ClientError::TimedOut { .. })),
        "{outcome:?}"
    );
    assert!(connection.has_ended());
}

#[tokio::test]
async fn bytes_that_are_no_answer_end_the_connection() {
    let (connection, mut broker) = pair(&ConnectionOptions::default());
    let broker = async {
        let id = receive(&mut broker).await;
        broker.write_i32(5).await.unwrap();
        broker.write_i32(id).await.unwrap();
        broker.write_u8(0).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(heartbeat(&connection), broker);
    assert!(
        matches!(outcome, Err(ClientError::Malformed { .. })),
        "{outcome:?}"
    );
    assert!(connection.has_ended());
}
