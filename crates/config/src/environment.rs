//! Reads settings from environment variables, by the rule of Kafka's container images.

/// Variables that the images use for other things than broker keys.
const NOT_KEYS: &[&str] = &[
    "KAFKA_CLUSTER_ID",
    "KAFKA_DEBUG",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_HEAP_OPTS",
    "KAFKA_HOME",
    "KAFKA_OPTS",
    "KAFKA_REST_PORT",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_VERSION",
];

/// Beginnings of such variables.
const NOT_KEY_PREFIXES: &[&str] = &["KAFKA_JMX_", "KAFKA_JVM_", "KAFKA_LOG4J_"];

/// Whether the variable is one of those that Kubernetes sets for a service whose name begins
/// with `kafka`.
fn is_of_a_service(variable: &str) -> bool {
    let names_a_port = variable.rsplit_once("_PORT_").is_some_and(|(_, rest)| {
        let protocol = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        protocol.len() < rest.len()
            && ["_TCP", "_UDP", "_SCTP"]
                .iter()
                .any(|known| protocol.starts_with(known))
    });
    variable.contains("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || variable.ends_with("_PORT")
        || names_a_port
}

/// The key that a variable sets, or `None` if the variable is none of ours.
///
/// `KAFKA_` is dropped and the rest put in lower case; `___` stands for `-`, `__` for `_` and
/// `_` for `.`.
pub fn key_of_variable(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("KAFKA_")?;
    let is_other = NOT_KEYS.contains(&variable)
        || is_of_a_service(variable)
        || NOT_KEY_PREFIXES
            .iter()
            .any(|prefix| variable.starts_with(prefix));
    if rest.is_empty() || is_other {
        return None;
    }
    let dotted = rest.to_ascii_lowercase().replace('_', ".");
    Some(dotted.replace("...", "-").replace("..", "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_become_dots_underscores_and_dashes() {
        let rows = [
            ("KAFKA_LISTENERS", Some("listeners")),
            ("KAFKA_LOG_DIRS", Some("log.dirs")),
            (
                "KAFKA_LISTENER_NAME_SASL__SSL_SCRAM___SHA___256_SASL_JAAS_CONFIG",
                Some("listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config"),
            ),
            ("KAFKA_HEAP_OPTS", None),
            ("KAFKA_LOG4J_OPTS", None),
            ("KAFKA_JMX_PORT", None),
            ("KAFKA_SERVICE_HOST", None),
            ("KAFKA_SERVICE_PORT_CLIENT", None),
            ("KAFKA_PORT", None),
            ("KAFKA_PORT_9092_TCP_ADDR", None),
            ("KAFKA_PORT_9092_TCP_PORT", None),
            ("KAFKA_UI_PORT_8080_TCP", None),
            ("KAFKA_UI_SERVICE_HOST", None),
            ("KAFKA_", None),
            ("CLUSTER_ID", None),
            ("PATH", None),
            ("kafka_listeners", None),
        ];
        for (variable, key) in rows {
            assert_eq!(key_of_variable(variable).as_deref(), key, "{variable}");
        }
    }
}
