//! Connections over real sockets: order, bounds, deadlines, and ends.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "what is missing fails the test"
)]

mod toy;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use highwater_net::NetConfig;

use crate::toy::{PATIENCE, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_the_order_of_requests() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["la", "n1", "lb", "q", "n2"]).await;
    server.toy.called(5).await;
    server.toy.release(b'b');
    peer.send(&["n3"]).await;
    server.toy.called(6).await;
    server.toy.release(b'a');
    for expected in ["la", "n1", "lb", "n2", "n3"] {
        assert_eq!(peer.receive_text().await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_taken_while_an_earlier_one_is_parked() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["la"]).await;
    server.toy.called(1).await;
    for round in 0..100 {
        peer.send(&["n-"]).await;
        server.toy.called(round + 2).await;
    }
    server.toy.release(b'a');
    assert_eq!(peer.receive_text().await, "la");
    for _ in 0..100 {
        assert_eq!(peer.receive_text().await, "n-");
    }
}

/// Another connection's answers show that the server had time for more.
async fn give_time(server: &Server) {
    let mut other = server.connect().await;
    for _ in 0..200 {
        other.send(&["n"]).await;
        other.receive().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_aside_is_done_before_the_next_request_is_begun() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    // The second piece of work must not wait for the answer that is parked before the first.
    peer.send(&["lz", "aa", "ab", "n1"]).await;
    server.toy.called(2).await;
    give_time(&server).await;
    assert_eq!(*server.toy.calls.borrow(), 2 + 200, "the work is not done");
    server.toy.release(b'a');
    server.toy.called(3 + 200).await;
    give_time(&server).await;
    assert_eq!(*server.toy.calls.borrow(), 3 + 400, "nor is the next");
    server.toy.release(b'b');
    server.toy.called(4 + 400).await;
    server.toy.release(b'z');
    for expected in ["lz", "aa", "ab", "n1"] {
        assert_eq!(peer.receive_text().await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_waits_for_what_is_done_aside() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["aa", "n1"]).await;
    server.toy.called(1).await;
    let toy = Arc::clone(&server.toy);
    let (cut_off, ()) = tokio::join!(server.handle.shut_down(PATIENCE), async {
        toy.release(b'a');
        assert_eq!(peer.receive_text().await, "aa");
        peer.ended().await;
    });
    assert_eq!(cut_off, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_found_no_room_are_not_forgotten() {
    // As many in flight as are allowed, each half of what may be queued: the first two fill
    // the queue, and nothing but the connection itself can look at the others again.
    let config = NetConfig {
        in_flight_max: 6,
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut peer = server.connect().await;
    peer.send(&["La5000000"; 6]).await;
    server.toy.called(6).await;
    peer.send(&["n1"]).await;
    server.toy.release(b'a');
    for _ in 0..6 {
        assert_eq!(peer.receive().await.len(), 5_000_000);
    }
    assert_eq!(peer.receive_text().await, "n1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_taken_again_although_nobody_takes_the_answers() {
    let config = NetConfig {
        in_flight_max: 2,
        send_buffer_bytes: Some(64 * 1024),
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut peer = server.connect().await;
    // The first answer fills the socket, the others all that may be in flight.
    peer.send(&["b6000000", "La10", "La10"]).await;
    server.toy.called(3).await;
    peer.send(&["n1"]).await;
    give_time(&server).await;
    // There is room in flight again, and for answers, but not in the socket: a peer that
    // writes before it reads would never come to read.
    server.toy.release(b'a');
    server.toy.called(4 + 200).await;
    for len in [6_000_000, 10, 10] {
        assert_eq!(peer.receive().await.len(), len);
    }
    assert_eq!(peer.receive_text().await, "n1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_waits_for_answers_that_found_no_room() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["La5000000"; 4]).await;
    server.toy.called(4).await;
    let toy = Arc::clone(&server.toy);
    let (cut_off, answers) = tokio::join!(server.handle.shut_down(PATIENCE), async {
        toy.release(b'a');
        peer.ended().await
    });
    assert_eq!((cut_off, answers.len()), (0, 4 * 5_000_004));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_sends_everything_before_it_reads_is_served() {
    let config = NetConfig {
        send_buffer_bytes: Some(16 * 1024),
        receive_buffer_bytes: Some(16 * 1024),
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut peer = server.connect().await;
    // More than the sockets hold in either direction.
    let request = format!("n{}", "-".repeat(100_000));
    for _ in 0..40 {
        let sent = tokio::time::timeout(PATIENCE, peer.send(&[&request])).await;
        sent.expect("requests are read although answers wait");
    }
    for _ in 0..40 {
        assert_eq!(peer.receive().await.len(), request.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_reads_costs_little_and_is_cut_off() {
    let config = NetConfig {
        stalled_write_ms_max: 200,
        send_buffer_bytes: Some(64 * 1024),
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut peer = server.connect().await;
    peer.send(&["b1000000"; 200]).await;
    server.toy.called(1).await;
    server
        .until(|server| server.handle.counts().open == 0)
        .await;
    let calls = *server.toy.calls.borrow();
    assert!(calls <= 24, "{calls} answers of 1 MB were made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ready_behind_a_parked_request_is_bounded() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["la"]).await;
    peer.send(&["b1000000"; 100]).await;
    server.toy.called(5).await;
    give_time(&server).await;
    let calls = *server.toy.calls.borrow() - 200;
    assert!(calls <= 12, "{calls} answers of 1 MB were made");
    server.toy.release(b'a');
    assert_eq!(peer.receive_text().await, "la");
    for _ in 0..100 {
        assert_eq!(peer.receive().await.len(), 1_000_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_ready_behind_a_parked_request_is_bounded() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["lz"]).await;
    peer.send(&["La3000000"; 3]).await;
    server.toy.called(4).await;
    // Made when they were released, they fill what may be queued, though none was sent.
    server.toy.release(b'a');
    give_time(&server).await;
    peer.send(&["n1"; 10]).await;
    give_time(&server).await;
    let calls = *server.toy.calls.borrow() - 400;
    assert_eq!(calls, 4, "requests were taken although there is no room");
    server.toy.release(b'z');
    assert_eq!(peer.receive_text().await, "lz");
    for _ in 0..3 {
        assert_eq!(peer.receive().await.len(), 3_000_000);
    }
    for _ in 0..10 {
        assert_eq!(peer.receive_text().await, "n1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_sent_between_bytes() {
    let server = Server::start(NetConfig::default()).await;
    let mut file = tempfile::tempfile().expect("a file");
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at / 7) as u8).collect();
    file.write_all(&content).expect("written");
    server.toy.file.lock().unwrap().insert(b'a', Arc::new(file));
    for request in ["fa2900000", "ca2900000"] {
        let mut peer = server.connect().await;
        peer.send(&["n1", request, "n2", request]).await;
        assert_eq!(peer.receive_text().await, "n1");
        let answer = peer.receive().await;
        assert_eq!((answer[0], answer[2_900_001]), (b'<', b'>'), "{request}");
        assert!(answer[1..2_900_001] == content[..2_900_000], "{request}");
        assert_eq!(peer.receive_text().await, "n2");
        assert_eq!(peer.receive().await.len(), 2_900_002);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_shorter_than_promised_ends_the_connection() {
    let server = Server::start(NetConfig::default()).await;
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&[7; 1000]).expect("written");
    server.toy.file.lock().unwrap().insert(b'a', Arc::new(file));
    for request in ["fa2000", "ca2000"] {
        let mut peer = server.connect().await;
        peer.send(&[request, "n2"]).await;
        let came = peer.ended().await;
        assert_eq!(came.len(), 4 + 1 + 1000, "{request}: nothing after the gap");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_bounded_and_may_be_empty() {
    let config = NetConfig {
        request_bytes_max: 1000,
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    for len in [1001_i32, i32::MAX, -1, i32::MIN] {
        let mut peer = server.connect().await;
        peer.send_raw(&len.to_be_bytes()).await;
        assert_eq!(peer.ended().await, [0; 0], "{len}");
    }
    assert_eq!(*server.toy.calls.borrow(), 0);
    let mut peer = server.connect().await;
    peer.send(&["", &"n".repeat(1000)]).await;
    assert_eq!(peer.receive_text().await, "empty");
    assert_eq!(peer.receive().await.len(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_may_come_byte_by_byte() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    for byte in [0, 0, 0, 2, b'n', b'1', 0, 0, 0, 2, b'n', b'2'] {
        peer.send_raw(&[byte]).await;
    }
    assert_eq!(peer.receive_text().await, "n1");
    assert_eq!(peer.receive_text().await, "n2");
    server.until(|server| server.budget.used_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sender_is_cut_off_and_others_are_not() {
    let config = NetConfig {
        frame_ms_max: 100,
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut steady = server.connect().await;
    steady.send(&["n1"]).await;
    let mut slow = server.connect().await;
    slow.send_raw(&[0, 0, 0, 9, b'n']).await;
    assert_eq!(slow.ended().await, [0; 0]);
    assert_eq!(steady.receive_text().await, "n1");
    steady.send(&["n2"]).await;
    assert_eq!(steady.receive_text().await, "n2");
    server.until(|server| server.budget.used_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed_and_one_that_waits_is_not() {
    let config = NetConfig {
        idle_ms_max: 100,
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut waiting = server.connect().await;
    waiting.send(&["la"]).await;
    server.toy.called(1).await;
    let mut idle = server.connect().await;
    assert_eq!(idle.ended().await, [0; 0]);
    server.toy.release(b'a');
    assert_eq!(waiting.receive_text().await, "la");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_waits_for_room() {
    let config = NetConfig {
        connections_max: 1,
        ..NetConfig::default()
    };
    let server = Server::start(config.clone()).await;
    let mut first = server.connect().await;
    first.send(&["n1"]).await;
    assert_eq!(first.receive_text().await, "n1");
    let mut second = server.connect().await;
    second.send(&["n2"]).await;
    drop(first);
    assert_eq!(second.receive_text().await, "n2");
    let mut third = server.connect().await;
    third.send(&["n3"]).await;
    server.handle.set_config(NetConfig {
        connections_max: 2,
        ..config
    });
    assert_eq!(third.receive_text().await, "n3");
    assert_eq!(server.handle.counts().accepted, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_with_too_many_connections_is_turned_away() {
    let config = NetConfig {
        connections_per_ip_max: 1,
        ..NetConfig::default()
    };
    let server = Server::start(config).await;
    let mut first = server.connect().await;
    first.send(&["n1"]).await;
    assert_eq!(first.receive_text().await, "n1");
    assert_eq!(server.connect().await.ended().await, [0; 0]);
    assert_eq!(server.handle.counts().refused, 1);
    drop(first);
    server
        .until(|server| server.handle.counts().open == 0)
        .await;
    let mut again = server.connect().await;
    again.send(&["n2"]).await;
    assert_eq!(again.receive_text().await, "n2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_answers_what_is_in_flight() {
    let server = Server::start(NetConfig::default()).await;
    let (mut busy, mut idle) = (server.connect().await, server.connect().await);
    busy.send(&["la", "n1"]).await;
    idle.send(&["n2"]).await;
    assert_eq!(idle.receive_text().await, "n2");
    server.toy.called(3).await;
    let toy = Arc::clone(&server.toy);
    let (cut_off, ()) = tokio::join!(server.handle.shut_down(PATIENCE), async {
        assert_eq!(idle.ended().await, [0; 0]);
        toy.release(b'a');
        assert_eq!(busy.receive_text().await, "la");
        assert_eq!(busy.receive_text().await, "n1");
        assert_eq!(busy.ended().await, [0; 0]);
    });
    assert_eq!(cut_off, 0);
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_cuts_off_what_does_not_end() {
    let server = Server::start(NetConfig::default()).await;
    let mut stuck = server.connect().await;
    stuck.send(&["la"]).await;
    server.toy.called(1).await;
    assert_eq!(server.handle.shut_down(Duration::from_millis(50)).await, 1);
    assert_eq!(server.handle.counts().open, 0);
    assert_eq!(stuck.ended().await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_handle_ends_everything() {
    let server = Server::start(NetConfig::default()).await;
    let mut peer = server.connect().await;
    peer.send(&["la"]).await;
    server.toy.called(1).await;
    drop(server);
    assert_eq!(peer.ended().await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_may_end_a_connection() {
    let server = Server::start(NetConfig::default()).await;
    let mut now = server.connect().await;
    now.send(&["n1", "x", "n2"]).await;
    assert_eq!(now.receive_text().await, "n1");
    assert_eq!(now.ended().await, [0; 0]);
    let mut later = server.connect().await;
    later.send(&["n1", "da", "n2"]).await;
    server.toy.release(b'a');
    assert_eq!(later.receive_text().await, "n1");
    assert_eq!(later.ended().await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_its_own_connection_only() {
    let server = Server::start(NetConfig::default()).await;
    let mut steady = server.connect().await;
    for request in ["p", "Pa"] {
        let mut unlucky = server.connect().await;
        unlucky.send(&[request]).await;
        server.toy.release(b'a');
        assert_eq!(unlucky.ended().await, [0; 0]);
        steady.send(&["n1"]).await;
        assert_eq!(steady.receive_text().await, "n1");
    }
    server
        .until(|server| server.handle.counts().open == 1)
        .await;
    server.until(|server| server.budget.used_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_budget_holds_frames_back_until_memory_comes_back() {
    let server = Server::with_budget(NetConfig::default(), 64 * 1024).await;
    let frame = format!("k{}", "-".repeat(50_000));
    let mut keeper = server.connect().await;
    keeper.send(&[&frame]).await;
    assert_eq!(keeper.receive_text().await, "k");
    keeper.send(&[&frame]).await;
    server
        .until(|server| server.budget.used_bytes() > 50_005)
        .await;
    let mut late = server.connect().await;
    late.send(&[&frame, "n1"]).await;
    server.toy.called(2).await;
    let used = server.budget.used_bytes();
    assert!(used <= 64 * 1024 + 50_005 * 2, "{used}");
    server.toy.kept.lock().unwrap().clear();
    assert_eq!(keeper.receive_text().await, "k");
    server.toy.kept.lock().unwrap().clear();
    assert_eq!(late.receive_text().await, "k");
    assert_eq!(late.receive_text().await, "n1");
    server.toy.kept.lock().unwrap().clear();
    server.until(|server| server.budget.used_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_waits_for_memory_is_not_late() {
    let config = NetConfig {
        frame_ms_max: 1000,
        ..NetConfig::default()
    };
    let server = Server::with_budget(config, 100_000).await;
    let frame = format!("n{}", "-".repeat(300_000));
    let mut wire = (frame.len() as u32).to_be_bytes().to_vec();
    wire.extend_from_slice(frame.as_bytes());
    let mut patient = server.connect().await;
    patient.send_raw(&wire[..2]).await;
    server.until(|server| server.budget.used_bytes() > 0).await;
    let mut keeper = server.connect().await;
    keeper.send(&[&format!("k{}", "-".repeat(80_000))]).await;
    assert_eq!(keeper.receive_text().await, "k");
    // This one overdraws and then stops, so that the first gets no memory before it is cut off.
    let mut late = server.connect().await;
    late.send_raw(&wire[..20_000]).await;
    server
        .until(|server| server.budget.used_bytes() > 100_000)
        .await;
    let (rest, ()) = tokio::join!(late.ended(), patient.send_raw(&wire[2..]));
    assert_eq!(rest, [0; 0]);
    assert_eq!(patient.receive().await.len(), frame.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_have_begun_do_not_starve_each_other() {
    let server = Server::with_budget(NetConfig::default(), 200_000).await;
    let frame = format!("n{}", "-".repeat(150_000));
    let mut wire = (frame.len() as u32).to_be_bytes().to_vec();
    wire.extend_from_slice(frame.as_bytes());
    let mut peers = Vec::new();
    for _ in 0..8 {
        let mut peer = server.connect().await;
        peer.send_raw(&wire[..20_000]).await;
        peers.push(peer);
    }
    server
        .until(|server| server.budget.used_bytes() > 150_000)
        .await;
    for peer in &mut peers {
        peer.send_raw(&wire[20_000..]).await;
    }
    for peer in &mut peers {
        assert_eq!(peer.receive().await.len(), frame.len());
    }
    server.until(|server| server.budget.used_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announced_bytes_cost_nothing_before_they_come() {
    let server = Server::start(NetConfig::default()).await;
    let mut peers = Vec::new();
    for _ in 0..30 {
        let mut peer = server.connect().await;
        peer.send_raw(&100_000_000_u32.to_be_bytes()).await;
        peer.send_raw(b"n").await;
        peers.push(peer);
    }
    server
        .until(|server| server.handle.counts().open == 30)
        .await;
    let mut steady = server.connect().await;
    steady.send(&["n1"]).await;
    assert_eq!(steady.receive_text().await, "n1");
    assert!(server.budget.used_bytes() <= 30 * 300 * 1024);
}
