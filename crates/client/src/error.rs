//! Why a call to a cluster failed.

use std::fmt;
use std::time::Duration;

use highwater_types::NameError;

use crate::ErrorCode;
use crate::code::Verdict as _;

/// A broker's refusal: its code and, where the protocol has room for one, its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code of the response.
    pub code: ErrorCode,
    /// The broker's explanation.
    pub message: Option<String>,
}

impl Refusal {
    /// Success as `Ok`, every other code with its message as the error.
    pub(crate) fn check(code: i16, message: Option<&str>) -> Result<(), Self> {
        ErrorCode::from_code(code).check().map_err(|code| Self {
            code,
            message: message.map(str::to_owned),
        })
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) if !message.is_empty() => write!(f, "{message} ({})", self.code),
            _ => self.code.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why a call failed as a whole.
///
/// Cloneable, because one lost connection fails every call that was in flight on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address does not resolve, or nothing answers there.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// `host:port` as configured or as the metadata gave it.
        address: String,
        /// What the operating system said.
        reason: String,
    },
    /// The connection ended before the answer came.
    #[error("the connection to {address} was lost: {reason}")]
    ConnectionLost {
        /// `host:port` of the broker.
        address: String,
        /// How it ended.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("{what} took longer than {} ms{}", after.as_millis(), cause.as_deref().map(|c| format!("; last failure: {c}")).unwrap_or_default())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// What went wrong in the last attempt.
        cause: Option<String>,
    },
    /// The bytes of the answer are not what the protocol says.
    #[error("malformed {what} from the broker: {reason}")]
    Malformed {
        /// The message that was read.
        what: &'static str,
        /// Where it broke.
        reason: String,
    },
    /// The answer is longer than this client reads.
    #[error("a response of {bytes} bytes is over the limit of {limit_bytes} bytes")]
    ResponseTooLarge {
        /// The length that the frame declares.
        bytes: u64,
        /// The limit of [`crate::ClientOptions::response_bytes_max`].
        limit_bytes: u32,
    },
    /// The request holds something that its version cannot carry.
    #[error("cannot encode {what}: {reason}")]
    Unencodable {
        /// The request.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Broker and client have no version of the API in common.
    #[error("the broker at {address} does not serve {api} in a version that this client speaks")]
    Unsupported {
        /// `host:port` of the broker.
        address: String,
        /// The API.
        api: &'static str,
    },
    /// The broker refused.
    #[error("{what}: {refusal}")]
    Refused {
        /// What was asked.
        what: String,
        /// How the broker put it.
        refusal: Refusal,
    },
    /// The metadata names no such broker.
    #[error("the cluster has no broker {0}")]
    NoSuchBroker(i32),
    /// No broker leads the partition at the moment.
    #[error("partition {partition} of {topic} has no leader")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A topic was named that cannot exist.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The caller asked for something contradictory.
    #[error("{0}")]
    Invalid(String),
    /// The producer or consumer was closed, or gave up after a fatal error.
    #[error("closed: {0}")]
    Closed(String),
}

impl ClientError {
    pub(crate) fn refused(what: impl Into<String>, refusal: impl Into<Refusal>) -> Self {
        Self::Refused {
            what: what.into(),
            refusal: refusal.into(),
        }
    }

    pub(crate) fn check(
        what: impl Into<String>,
        code: i16,
        message: Option<&str>,
    ) -> Result<(), Self> {
        Refusal::check(code, message).map_err(|refusal| Self::refused(what, refusal))
    }

    /// The broker's code, where a broker refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.code),
            _ => None,
        }
    }

    /// Whether the same call may succeed a little later or through another connection.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::ConnectionLost { .. }
            | Self::NoLeader { .. }
            | Self::NoSuchBroker(_) => true,
            Self::Refused { refusal, .. } => refusal.code.is_retriable(),
            _ => false,
        }
    }
}
