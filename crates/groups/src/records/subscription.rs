//! The one look that the coordinator takes into the metadata of consumers: which topics they
//! read, so that it neither expires nor lets anybody delete the offsets of these.

use super::wire::{Malformed, Reader};

/// The topics of a consumer's subscription. All versions of it start with the version and the
/// topics, so that later ones need not be known.
pub(crate) fn subscribed_topics(metadata: &[u8]) -> Result<Vec<&str>, Malformed> {
    let mut reader = Reader::new(metadata);
    let version = reader.i16("subscription version")?;
    if version < 0 {
        return Err(Malformed::Version {
            record: "consumer subscription",
            version,
        });
    }
    let count = reader.count("subscribed topics", 2)?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        topics.push(reader.string("subscribed topic")?);
    }
    Ok(topics)
}
