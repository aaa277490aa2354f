//! The six requests that a measurement needs, byte by byte, in old versions that both brokers
//! serve and that have no tagged fields.
//!
//! The correlation id is a constant: a broker answers a connection in order, so counting is
//! enough, and a prepared frame can be sent a million times without touching it.

use anyhow::{Context as _, Result, bail};

const PRODUCE: (i16, i16) = (0, 7);
const FETCH: (i16, i16) = (1, 4);
const METADATA: (i16, i16) = (3, 1);
const API_VERSIONS: (i16, i16) = (18, 0);
const CREATE_TOPICS: (i16, i16) = (19, 2);
const DELETE_TOPICS: (i16, i16) = (20, 1);

const CORRELATION_ID: i32 = 7;
const CLIENT_ID: &str = "bench";
const ACKS_ALL: i16 = -1;
const TIMEOUT_MS: i32 = 60_000;

struct Writer(Vec<u8>);

impl Writer {
    fn request((api_key, version): (i16, i16)) -> Self {
        let mut writer = Self(vec![0; 4]);
        writer
            .i16(api_key)
            .i16(version)
            .i32(CORRELATION_ID)
            .string(CLIENT_ID);
        writer
    }

    fn i8(&mut self, value: i8) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i16(&mut self, value: i16) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i32(&mut self, value: i32) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn string(&mut self, value: &str) -> &mut Self {
        self.i16(i16::try_from(value.len()).unwrap_or(i16::MAX));
        self.0.extend(value.as_bytes());
        self
    }

    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.count(value.len());
        self.0.extend(value);
        self
    }

    fn count(&mut self, value: usize) -> &mut Self {
        self.i32(i32::try_from(value).unwrap_or(i32::MAX))
    }

    /// The frame, with its length in front.
    fn finish(mut self) -> Vec<u8> {
        let len = u32::try_from(self.0.len() - 4).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&len.to_be_bytes());
        self.0
    }
}

/// Produce of one batch with `acks=all`.
pub(crate) fn produce(topic: &str, partition: i32, batch: &[u8]) -> Vec<u8> {
    produce_all(topic, &[(partition, batch)])
}

/// Produce of a batch to each of several partitions with `acks=all`.
pub(crate) fn produce_all(topic: &str, batches: &[(i32, impl AsRef<[u8]>)]) -> Vec<u8> {
    let mut writer = Writer::request(PRODUCE);
    writer.i16(-1).i16(ACKS_ALL).i32(TIMEOUT_MS);
    writer.count(1).string(topic).count(batches.len());
    for (partition, batch) in batches {
        writer.i32(*partition).bytes(batch.as_ref());
    }
    writer.finish()
}

/// Where and how much to fetch.
pub(crate) struct FetchFrom<'a> {
    /// Of the partition.
    pub(crate) topic: &'a str,
    /// Its index.
    pub(crate) partition: i32,
    /// The first offset.
    pub(crate) offset: i64,
    /// Most bytes in the answer.
    pub(crate) bytes_max: i32,
    /// How long to wait for the first byte.
    pub(crate) wait_ms_max: i32,
}

/// Fetch of one partition, outside any session.
pub(crate) fn fetch(from: &FetchFrom<'_>) -> Vec<u8> {
    let mut writer = Writer::request(FETCH);
    writer
        .i32(-1)
        .i32(from.wait_ms_max)
        .i32(1)
        .i32(from.bytes_max)
        .i8(0);
    writer.count(1).string(from.topic);
    writer
        .count(1)
        .i32(from.partition)
        .i64(from.offset)
        .i32(from.bytes_max);
    writer.finish()
}

/// The first request of every client.
pub(crate) fn api_versions() -> Vec<u8> {
    Writer::request(API_VERSIONS).finish()
}

/// CreateTopics of one topic with one replica.
pub(crate) fn create_topic(topic: &str, partitions: u32, configs: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::request(CREATE_TOPICS);
    writer
        .count(1)
        .string(topic)
        .count(partitions as usize)
        .i16(1)
        .count(0);
    writer.count(configs.len());
    for (key, value) in configs {
        writer.string(key).string(value);
    }
    writer.i32(TIMEOUT_MS).i8(0);
    writer.finish()
}

/// DeleteTopics of one topic.
pub(crate) fn delete_topic(topic: &str) -> Vec<u8> {
    let mut writer = Writer::request(DELETE_TOPICS);
    writer.count(1).string(topic).i32(TIMEOUT_MS);
    writer.finish()
}

/// Metadata of one topic.
pub(crate) fn metadata(topic: &str) -> Vec<u8> {
    let mut writer = Writer::request(METADATA);
    writer.count(1).string(topic);
    writer.finish()
}

/// Takes fields from a response in order; too few bytes are an error.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads a response behind its length, and takes the correlation id.
    pub(crate) fn response(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Self(bytes);
        let found = reader.i32()?;
        if found != CORRELATION_ID {
            bail!("the response has correlation id {found}");
        }
        Ok(reader)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self
            .0
            .split_first_chunk()
            .context("the response is too short")?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.0 = self.0.get(len..).context("the response is too short")?;
        Ok(())
    }

    /// Skips a string, which may be null.
    fn string(&mut self) -> Result<()> {
        let len = self.i16()?;
        self.skip(usize::try_from(len).unwrap_or(0))
    }

    /// Skips an array of numbers.
    fn numbers(&mut self) -> Result<()> {
        let count = usize::try_from(self.i32()?).unwrap_or(0);
        self.skip(count.saturating_mul(4))
    }
}

/// A code that says nothing but "ask again": a broker tells of a topic a little before it takes
/// records for it.
pub(crate) const fn is_too_early(error: i16) -> bool {
    const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
    const LEADER_NOT_AVAILABLE: i16 = 5;
    const NOT_LEADER_OR_FOLLOWER: i16 = 6;
    matches!(
        error,
        UNKNOWN_TOPIC_OR_PARTITION | LEADER_NOT_AVAILABLE | NOT_LEADER_OR_FOLLOWER
    )
}

/// The error code for the batches, which is that of the first that was refused.
pub(crate) fn produce_error(response: &[u8]) -> Result<i16> {
    let mut reader = Reader::response(response)?;
    reader.i32()?;
    reader.string()?;
    for _ in 0..reader.i32()? {
        reader.i32()?;
        let error = reader.i16()?;
        if error != 0 {
            return Ok(error);
        }
        // Base offset, time of the append, start of the log.
        reader.skip(24)?;
    }
    Ok(0)
}

/// Fails unless every batch was acknowledged.
pub(crate) fn produced(response: &[u8]) -> Result<()> {
    match produce_error(response)? {
        0 => Ok(()),
        error => bail!("produce was refused with code {error}"),
    }
}

/// The bytes a broker answers to a produce request: for the server that stands for the floor.
pub(crate) fn produce_response(topic: &str) -> Vec<u8> {
    let mut writer = Writer(vec![0; 4]);
    writer
        .i32(CORRELATION_ID)
        .count(1)
        .string(topic)
        .count(1)
        .i32(0)
        .i16(0);
    writer.i64(0).i64(-1).i64(0).i32(0);
    writer.finish()
}

/// How many bytes of records came from the one partition. Only the head of the response is
/// needed.
pub(crate) fn fetched(response: &[u8]) -> Result<usize> {
    let mut reader = Reader::response(response)?;
    reader.i32()?;
    reader.i32()?;
    reader.string()?;
    reader.i32()?;
    reader.i32()?;
    let error = reader.i16()?;
    if error != 0 {
        bail!("fetch was refused with code {error}");
    }
    reader.i64()?;
    reader.i64()?;
    if reader.i32()? > 0 {
        bail!("there are no aborted transactions here");
    }
    Ok(usize::try_from(reader.i32()?).unwrap_or(0))
}

/// The error code for the one topic of a CreateTopics or DeleteTopics response.
pub(crate) fn topic_error(response: &[u8]) -> Result<i16> {
    let mut reader = Reader::response(response)?;
    reader.i32()?;
    reader.i32()?;
    reader.string()?;
    reader.i16()
}

/// How many partitions of the one topic have a leader.
pub(crate) fn partitions_led(response: &[u8]) -> Result<u32> {
    let mut reader = Reader::response(response)?;
    for _ in 0..reader.i32()? {
        reader.i32()?;
        reader.string()?;
        reader.i32()?;
        reader.string()?;
    }
    reader.i32()?;
    reader.i32()?;
    if reader.i16()? != 0 {
        return Ok(0);
    }
    reader.string()?;
    reader.skip(1)?;
    let mut led = 0;
    for _ in 0..reader.i32()? {
        let error = reader.i16()?;
        reader.i32()?;
        let leader = reader.i32()?;
        led += u32::from(error == 0 && leader >= 0);
        reader.numbers()?;
        reader.numbers()?;
    }
    Ok(led)
}
