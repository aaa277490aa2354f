//! `highwater broker`: runs a broker in the foreground until it is told to stop.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use highwater_broker::{RunningBroker, StartReport};
use highwater_config::{
    BrokerConfig, ConfigErrors, FileFormat, Layers, NodeConfig, Severity, check_endpoints,
};
use highwater_http::HttpEndpoint;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::log_filter::{self, log_filter};
use crate::output::complain;

/// How long connections may take to finish what they have in flight at a stop.
const DRAIN: Duration = Duration::from_secs(20);

/// Where the configuration of a broker comes from.
#[derive(Debug, clap::Args)]
pub(crate) struct BrokerArgs {
    /// A configuration file, TOML or a Kafka `server.properties`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// One key, over whatever the file says; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, env = "HIGHWATER_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why no configuration could be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot read {}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Config(#[from] ConfigErrors),
}

/// File, environment and arguments, the later winning.
pub(crate) fn load(args: &BrokerArgs) -> Result<NodeConfig, LoadError> {
    let mut layers = Layers::new();
    if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::File {
            path: path.clone(),
            source,
        })?;
        let name = path.to_string_lossy();
        layers = layers.file(&name, &text, FileFormat::detect(&name, &text));
    }
    let environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
    layers = layers.environment(environment);
    for argument in &args.set {
        layers = layers.argument(argument);
    }
    let node = layers.finish()?;
    // Values that do not fit together are found here.
    node.broker()?;
    Ok(node)
}

pub(crate) fn run(args: &BrokerArgs) -> ExitCode {
    let (node, config) = match load(args).and_then(|node| {
        let config = node.broker()?;
        Ok((node, config))
    }) {
        Ok(loaded) => loaded,
        Err(error) => {
            complain(error);
            return ExitCode::from(2);
        }
    };
    match log_filter(std::env::var_os(log_filter::VARIABLE).as_deref()) {
        Ok(filter) => start_logging(filter, args.log_format),
        Err(error) => {
            complain(error);
            return ExitCode::from(2);
        }
    }
    warn_of_idle_settings(&node);
    if !endpoints_are_usable(&config) {
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("net")
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(node, config)),
        Err(error) => {
            complain(format_args!("cannot start threads: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start_logging(filter: EnvFilter, format: LogFormat) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    std::panic::set_hook(Box::new(
        |panic| tracing::error!(%panic, "a fault in the program"),
    ));
}

fn endpoints_are_usable(config: &BrokerConfig) -> bool {
    let mut usable = true;
    for finding in check_endpoints(config) {
        match finding.severity {
            Severity::Warning => tracing::warn!("{}", finding.message),
            Severity::Error => {
                tracing::error!("{}", finding.message);
                usable = false;
            }
        }
    }
    usable
}

async fn serve(node: NodeConfig, config: BrokerConfig) -> ExitCode {
    let (mut stop, mut interrupt) = match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(stop), Ok(interrupt)) => (stop, interrupt),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "signals cannot be handled");
            return ExitCode::FAILURE;
        }
    };
    let (ready, view) = tokio::sync::watch::channel(None);
    if !config.network.admin_listener.is_empty() {
        match HttpEndpoint::bind(&config.network.admin_listener).await {
            Ok(endpoint) => drop(tokio::spawn(endpoint.serve(view))),
            Err(error) => {
                tracing::error!(%error, "cannot start");
                return ExitCode::FAILURE;
            }
        }
    }
    let started = tokio::select! {
        started = RunningBroker::start(node) => started,
        _ = stop.recv() => ends_before_it_began(),
        _ = interrupt.recv() => ends_before_it_began(),
    };
    let (broker, report) = match started {
        Ok(started) => started,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    summarise(&config, &report);
    ready.send_replace(Some(broker.view()));
    let watchdog = tokio::spawn(tell_systemd());
    tokio::select! {
        _ = stop.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    ready.send_replace(None);
    watchdog.abort();
    tokio::select! {
        clean = broker.shut_down(DRAIN) => {
            tracing::info!(clean, "stopped");
            if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ = stop.recv() => ends_at_once(),
        _ = interrupt.recv() => ends_at_once(),
    }
}

/// A signal while the directories are being opened, which may take long on a sick disk. Nothing has
/// been acknowledged, and what has been recovered will be looked at again.
fn ends_before_it_began<T>() -> T {
    tracing::warn!("stopping before the start is over; the next start will recover");
    std::process::exit(0)
}

/// A second signal: whoever sent it does not want to wait. What was acknowledged is on disk.
fn ends_at_once() -> ExitCode {
    tracing::warn!("a second signal: stopping at once; the next start will recover");
    std::process::exit(130)
}

/// Names the settings that somebody has made and that change nothing here.
fn warn_of_idle_settings(node: &NodeConfig) {
    let idle = node.idle_settings();
    if !idle.is_empty() {
        tracing::warn!(
            settings = idle.join(","),
            "these settings have no effect here (docs/configuration.md)"
        );
    }
}

fn summarise(config: &BrokerConfig, report: &StartReport) {
    let dirs: Vec<_> = report
        .log_dirs
        .iter()
        .map(|dir| dir.display().to_string())
        .collect();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        node_id = config.node_id().get(),
        listeners = report.listeners.join(","),
        advertised = report.advertised.join(","),
        admin = config.network.admin_listener,
        log_dirs = dirs.join(","),
        durability = config.topic_defaults.durability.name(),
        clean_start = report.was_clean,
        partitions = report.partitions,
        partitions_failed = report.partitions_failed,
        recovered_bytes = report.bytes_scanned,
        cut_bytes = report.bytes_cut,
        damaged_ranges = report.ranges_damaged,
        took_ms = report.took.as_millis() as u64,
        "ready"
    );
}

/// Tells systemd that the broker is ready, and then, if it asks for it, that it is alive. Alive is
/// less than ready: a broker that has lost one disk of several serves the others, and a restart
/// would not mend it.
async fn tell_systemd() {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut beat = tokio::time::interval(limit / 2);
    loop {
        beat.tick().await;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
    }
}
