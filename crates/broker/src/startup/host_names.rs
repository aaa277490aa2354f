//! Advertised names without an address. Clients fail at them without a word to the broker, so it
//! says at its start what it can find out itself.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::time::Duration;

use highwater_metadata::Listener;
use tokio::sync::oneshot;

/// A look-up that takes longer fails clients too.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);

/// Why no address of a host is known.
#[derive(Debug, thiserror::Error)]
enum LookUpError {
    #[error("{0}")]
    Failed(#[from] io::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    TooSlow(Duration),
}

/// Looks up every name that clients are told, and warns of those without an address. The start
/// does not wait for it.
pub(super) fn warn_of_unknown_names(advertised: &[Listener]) {
    for listener in advertised {
        if is_address(&listener.host) {
            continue;
        }
        let listener = listener.clone();
        tokio::spawn(async move {
            let host = listener.host.to_string();
            let resolve = move || (host.as_str(), 0).to_socket_addrs().map(drop);
            if let Err(error) = look_up(LOOK_UP_LIMIT, resolve).await {
                tracing::warn!(listener = %listener.name, host = %listener.host, %error, "{}", advice(&listener));
            }
        });
    }
}

fn is_address(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok()
}

fn advice(listener: &Listener) -> String {
    let Listener {
        name, host, port, ..
    } = listener;
    format!(
        "advertised.listeners sends clients to {name}://{host}:{port}, and {host} has no address here: \
         clients that do not find it either cannot use this broker. Set \
         advertised.listeners={name}://<host that clients can resolve>:{port}, or make the name known"
    )
}

/// Runs a look-up, which cannot be cancelled, on a thread that nobody waits for longer than that.
async fn look_up(
    limit: Duration,
    resolve: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<(), LookUpError> {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name("host-names".to_owned());
    thread.spawn(move || sender.send(resolve()))?;
    match tokio::time::timeout(limit, receiver).await {
        Ok(Ok(found)) => Ok(found?),
        Ok(Err(_)) | Err(_) => Err(LookUpError::TooSlow(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_look_up_finds_is_passed_on() {
        let limit = Duration::from_secs(60);
        look_up(limit, || Ok(())).await.unwrap();
        let failed = look_up(limit, || Err(io::Error::other("no such name"))).await;
        assert_eq!(failed.unwrap_err().to_string(), "no such name");
    }

    #[tokio::test]
    async fn a_look_up_that_hangs_is_not_waited_for() {
        let (release, hang) = std::sync::mpsc::channel::<()>();
        let resolve = move || {
            let _ = hang.recv();
            Ok(())
        };
        let hung = look_up(Duration::from_millis(1), resolve).await;
        assert_eq!(hung.unwrap_err().to_string(), "no answer within 1 ms");
        drop(release);
    }

    #[test]
    fn addresses_are_not_looked_up() {
        for host in ["127.0.0.1", "::1", "[::1]"] {
            assert!(is_address(host), "{host}");
        }
        assert!(!is_address("kafka1"));
    }

    #[test]
    fn the_warning_says_what_to_set() {
        let listener = Listener {
            name: "PLAINTEXT".into(),
            host: "kafka1".into(),
            port: 9092,
            security_protocol: 0,
        };
        let text = advice(&listener);
        assert!(
            text.contains("advertised.listeners=PLAINTEXT://<host that clients can resolve>:9092"),
            "{text}"
        );
    }
}
