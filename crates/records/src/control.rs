//! Control records: what brokers write into a log beside the records of clients.
//!
//! The key is a version and a type, the value is up to the type. Both may grow fields at
//! their end, so longer ones of any version are read by the fields that are known.

use highwater_types::TransactionOutcome;

/// What a control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction of its producer is aborted.
    Abort,
    /// The transaction of its producer is committed.
    Commit,
    /// A type for the quorum, or of a later version; readers step over it.
    Other(i16),
}

impl ControlType {
    /// How the transaction ends that this is the marker of; `None` if it is no marker.
    pub fn outcome(self) -> Option<TransactionOutcome> {
        match self {
            Self::Abort => Some(TransactionOutcome::Aborted),
            Self::Commit => Some(TransactionOutcome::Committed),
            Self::Other(_) => None,
        }
    }

    fn id(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Other(id) => id,
        }
    }
}

impl From<TransactionOutcome> for ControlType {
    fn from(outcome: TransactionOutcome) -> Self {
        match outcome {
            TransactionOutcome::Aborted => Self::Abort,
            TransactionOutcome::Committed => Self::Commit,
        }
    }
}

/// Why bytes are not a control record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The key is shorter than version and type, or missing.
    #[error("a control record with a key of {bytes} bytes has no type")]
    Key {
        /// Bytes of it.
        bytes: usize,
    },
    /// The value of a marker is shorter than version and epoch, or missing.
    #[error("a transaction marker with a value of {bytes} bytes has no coordinator epoch")]
    Value {
        /// Bytes of it.
        bytes: usize,
    },
    /// Versions count from 0.
    #[error("the version {version} of a control record is negative")]
    Version {
        /// What the record says.
        version: i16,
    },
    /// Only commit and abort end a transaction.
    #[error("control type {id} is no transaction marker")]
    NotAMarker {
        /// The type.
        id: i16,
    },
}

fn version(bytes: [u8; 2]) -> Result<(), ControlError> {
    let version = i16::from_be_bytes(bytes);
    if version < 0 {
        Err(ControlError::Version { version })
    } else {
        Ok(())
    }
}

/// The type of the control record with this key.
pub fn control_type(key: Option<&[u8]>) -> Result<ControlType, ControlError> {
    let key = key.unwrap_or_default();
    let Some(&[a, b, c, d]) = key.first_chunk() else {
        return Err(ControlError::Key { bytes: key.len() });
    };
    version([a, b])?;
    Ok(match i16::from_be_bytes([c, d]) {
        0 => ControlType::Abort,
        1 => ControlType::Commit,
        id => ControlType::Other(id),
    })
}

/// The record that ends a transaction on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnMarker {
    /// How it ends: commit or abort.
    pub outcome: ControlType,
    /// Epoch of the transaction coordinator that ended it.
    pub coordinator_epoch: i32,
}

impl EndTxnMarker {
    /// Reads the marker of a record.
    pub fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, ControlError> {
        let outcome = control_type(key)?;
        if let ControlType::Other(id) = outcome {
            return Err(ControlError::NotAMarker { id });
        }
        let value = value.unwrap_or_default();
        let Some(&[a, b, c, d, e, f]) = value.first_chunk() else {
            return Err(ControlError::Value { bytes: value.len() });
        };
        version([a, b])?;
        Ok(Self {
            outcome,
            coordinator_epoch: i32::from_be_bytes([c, d, e, f]),
        })
    }

    /// The key of the record.
    pub fn key(&self) -> [u8; 4] {
        let [c, d] = self.outcome.id().to_be_bytes();
        [0, 0, c, d]
    }

    /// The value of the record.
    pub fn value(&self) -> [u8; 6] {
        let [c, d, e, f] = self.coordinator_epoch.to_be_bytes();
        [0, 0, c, d, e, f]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_its_bytes() {
        for outcome in [ControlType::Commit, ControlType::Abort] {
            let marker = EndTxnMarker {
                outcome,
                coordinator_epoch: 258,
            };
            let (key, value) = (marker.key(), marker.value());
            assert_eq!(EndTxnMarker::decode(Some(&key), Some(&value)), Ok(marker));
        }
        let commit = EndTxnMarker {
            outcome: ControlType::Commit,
            coordinator_epoch: 258,
        };
        assert_eq!(
            (commit.key(), commit.value()),
            ([0, 0, 0, 1], [0, 0, 0, 0, 1, 2])
        );
    }

    #[test]
    fn a_longer_marker_of_a_later_version_is_read() {
        let marker = EndTxnMarker::decode(Some(&[0, 7, 0, 1, 9]), Some(&[0, 3, 0, 0, 0, 5, 1, 1]));
        let expected = EndTxnMarker {
            outcome: ControlType::Commit,
            coordinator_epoch: 5,
        };
        assert_eq!(marker, Ok(expected));
    }

    #[test]
    fn what_is_no_marker_is_refused() {
        let value = Some(&[0; 6][..]);
        for (key, value, error) in [
            (None, value, ControlError::Key { bytes: 0 }),
            (Some(&[0, 0, 0][..]), value, ControlError::Key { bytes: 3 }),
            (
                Some(&[0xff, 0xff, 0, 1][..]),
                value,
                ControlError::Version { version: -1 },
            ),
            (
                Some(&[0, 0, 0, 2][..]),
                value,
                ControlError::NotAMarker { id: 2 },
            ),
            (
                Some(&[0, 0, 0, 1][..]),
                Some(&[0; 5][..]),
                ControlError::Value { bytes: 5 },
            ),
            (
                Some(&[0, 0, 0, 1][..]),
                None,
                ControlError::Value { bytes: 0 },
            ),
        ] {
            assert_eq!(EndTxnMarker::decode(key, value), Err(error));
        }
    }
}
