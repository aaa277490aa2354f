//! Health and metrics over HTTP, for supervisors and scrapers.
//!
//! The endpoint has its own port and knows the broker only through [`BrokerView`]; it changes
//! nothing.

mod bounded;
mod exposition;
mod families;
mod process;
mod scrape;

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use highwater_broker::BrokerView;
use tokio::net::TcpListener;

use bounded::Bounded;

/// The endpoint could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for HTTP: {source}")]
pub struct HttpError {
    /// The address as configured.
    pub address: String,
    /// Why.
    pub source: std::io::Error,
}

/// The endpoint, bound and not yet answering.
#[derive(Debug)]
pub struct HttpEndpoint(TcpListener);

impl HttpEndpoint {
    /// Binds the address.
    pub async fn bind(address: &str) -> Result<Self, HttpError> {
        let listener = TcpListener::bind(address).await;
        let fail = |source| HttpError {
            address: address.to_owned(),
            source,
        };
        Ok(Self(listener.map_err(fail)?))
    }

    /// Where it is bound.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers until the process ends. A broker that is still recovering is not there yet, so
    /// that its readiness is asked through `view`, which has none until then.
    pub async fn serve(self, view: tokio::sync::watch::Receiver<Option<BrokerView>>) {
        let router = Router::new()
            .route("/health/live", get(live))
            .route("/health/ready", get(ready))
            .route("/metrics", get(scrape))
            .with_state(view);
        if let Err(error) = axum::serve(Bounded::new(self.0), router).await {
            tracing::error!(%error, "the HTTP endpoint ended");
        }
    }
}

/// What is said while there is no broker to ask: it has not finished recovering, or has begun to
/// stop.
const NOT_THERE: &str = "starting or stopping\n";

type View = tokio::sync::watch::Receiver<Option<BrokerView>>;

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(view): State<View>) -> impl IntoResponse {
    let view = view.borrow().clone();
    match view.map(|view| view.readiness()) {
        None => (StatusCode::SERVICE_UNAVAILABLE, NOT_THERE.to_owned()),
        Some(Err(reason)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
        Some(Ok(())) => (StatusCode::OK, "ready\n".to_owned()),
    }
}

async fn scrape(State(view): State<View>) -> impl IntoResponse {
    let view = view.borrow().clone();
    let Some(view) = view else {
        return (StatusCode::SERVICE_UNAVAILABLE, NOT_THERE).into_response();
    };
    let Ok(scrape) = tokio::task::spawn_blocking(move || scrape::Scrape::take(view)).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let pieces = futures_util::stream::iter(scrape.into_pieces().map(Ok::<_, Infallible>));
    let content_type = (
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    );
    ([content_type], Body::from_stream(pieces)).into_response()
}
