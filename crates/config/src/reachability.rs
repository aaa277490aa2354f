//! Endpoints that are well formed and will not work, or will work for too many.

use std::fmt;

use crate::broker_config::BrokerConfig;
use crate::check_together::split_address;
use crate::listener::{Listener, SecurityProtocol, is_loopback};

/// Whether the broker may start in spite of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It may; say it at every start.
    Warning,
    /// It may not.
    Error,
}

/// Something about the endpoints that a person should change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the broker may start.
    pub severity: Severity,
    /// What is wrong and what to set instead.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Finding {
    fn warning(message: String) -> Self {
        Self {
            severity: Severity::Warning,
            message,
        }
    }

    fn error(message: String) -> Self {
        Self {
            severity: Severity::Error,
            message,
        }
    }
}

/// Everything about the endpoints that a person should know before the first client fails.
pub fn check_endpoints(config: &BrokerConfig) -> Vec<Finding> {
    let mut findings = check_advertised_listeners(config);
    findings.extend(check_insecure_listeners(config));
    findings
}

/// Advertised listeners that no client could use.
///
/// The worst, a wildcard as advertised host and a name that is not in `listeners`, are refused
/// already when the configuration is read.
pub fn check_advertised_listeners(config: &BrokerConfig) -> Vec<Finding> {
    let pairs = config.advertised_listeners.iter().filter_map(|advertised| {
        let bound = config
            .listeners
            .iter()
            .find(|bound| bound.name == advertised.name)?;
        Some((bound, advertised))
    });
    let mut findings: Vec<_> = pairs
        .filter_map(|(bound, advertised)| unreachable(bound, advertised))
        .collect();
    for bound in &config.listeners {
        if !config.is_controller_listener(&bound.name) && config.advertised(&bound.name).is_none() {
            findings.push(Finding::warning(format!(
                "listener {bound} is not in advertised.listeners: clients that connect to it are \
                 not told where the leaders are. Add {}://<host>:{} there",
                bound.name, bound.port
            )));
        }
    }
    findings
}

fn unreachable(bound: &Listener, advertised: &Listener) -> Option<Finding> {
    let name = &advertised.name;
    if advertised.port == 0 && bound.port != 0 {
        return Some(Finding::warning(format!(
            "advertised.listeners names port 0 for {name}: no client can connect to it. Set \
             advertised.listeners={name}://<host>:{}",
            bound.port
        )));
    }
    if bound.is_wildcard() && advertised.is_wildcard() {
        return Some(Finding::warning(format!(
            "listener {bound} takes connections on every interface and advertised.listeners does \
             not say under which name: clients will be told the name of this machine. If they \
             cannot resolve it, set advertised.listeners={name}://<host that clients can reach>:{}",
            bound.port
        )));
    }
    if !bound.is_loopback() && advertised.is_loopback() {
        return Some(Finding::warning(format!(
            "listener {bound} takes connections from other machines, but advertised.listeners \
             sends clients to {advertised}, which is their own machine. Set \
             advertised.listeners={name}://<host that clients can reach>:{}",
            advertised.port
        )));
    }
    if bound.is_loopback() && !advertised.is_loopback() {
        return Some(Finding::warning(format!(
            "advertised.listeners sends clients to {advertised}, but listener {bound} takes \
             connections from this machine only. Set listeners={name}://0.0.0.0:{}",
            bound.port
        )));
    }
    None
}

/// Listeners that anybody on the network could use, and those that promise what is not there.
///
/// A listener off loopback needs encryption and authentication. As long as TLS and SASL are not
/// there, the only way is to say that it is meant so.
pub fn check_insecure_listeners(config: &BrokerConfig) -> Vec<Finding> {
    let mut findings: Vec<Finding> = config
        .listeners
        .iter()
        .filter(|listener| listener.protocol != SecurityProtocol::Plaintext)
        .map(|listener| {
            Finding::error(format!(
                "listener {listener} asks for {}, which is not served yet. Map it to PLAINTEXT \
                 in listener.security.protocol.map, or put a TLS proxy in front",
                listener.protocol.name()
            ))
        })
        .collect();
    let mut open: Vec<String> = config
        .listeners
        .iter()
        .filter(|listener| !listener.is_loopback())
        .filter(|listener| !listener.protocol.is_encrypted())
        .map(|listener| format!("listener {listener}"))
        .collect();
    let admin = &config.network.admin_listener;
    if split_address(admin).is_some_and(|(host, _)| !is_loopback(host)) {
        open.push(format!("admin.listener {admin}"));
    }
    let finding = |what: String| {
        if config.network.allow_insecure_listeners {
            Finding::warning(format!(
                "{what} is open to other machines without encryption and authentication, as \
                 allow.insecure.listeners=true allows"
            ))
        } else {
            Finding::error(format!(
                "{what} would be open to other machines without encryption and authentication. \
                 Bind it to 127.0.0.1, or, on a network that you trust, set \
                 allow.insecure.listeners=true"
            ))
        }
    };
    findings.extend(open.into_iter().map(finding));
    findings
}

#[cfg(test)]
mod tests;
