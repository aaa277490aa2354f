//! Buffers and codec states that outlive one batch.
//!
//! Small batches would spend more on allocating a 64 KiB window than on filling it, so a
//! thread that works on batches keeps one scratch and passes it in.

/// Bytes of a buffer that are kept for the next batch; what a rare giant needed is freed.
const KEPT_BYTES_MAX: usize = 4 * 1024 * 1024 + 64 * 1024;

/// Reusable memory for decompression; holds nothing of one batch that the next relies on.
#[derive(Default)]
pub struct Scratch {
    pub(crate) gzip: Option<flate2::Decompress>,
    pub(crate) zstd: Option<zstd::zstd_safe::DCtx<'static>>,
    pub(crate) history: Vec<u8>,
    window: Vec<u8>,
    whole: Vec<u8>,
}

impl Scratch {
    /// A scratch that has not allocated anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that the buffers hold at the moment, without the states of the codecs.
    pub fn buffer_bytes(&self) -> usize {
        self.window.capacity() + self.whole.capacity() + self.history.capacity()
    }

    pub(crate) fn take_window(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.window)
    }

    pub(crate) fn put_window(&mut self, window: Vec<u8>) {
        if window.len() <= KEPT_BYTES_MAX {
            self.window = window;
        }
    }

    /// The buffer for a whole batch. It is freed here rather than when it is put back,
    /// because its bytes are still read then.
    pub(crate) fn take_whole(&mut self) -> Vec<u8> {
        let whole = std::mem::take(&mut self.whole);
        if whole.len() > KEPT_BYTES_MAX {
            Vec::new()
        } else {
            whole
        }
    }

    pub(crate) fn put_whole(&mut self, whole: Vec<u8>) {
        self.whole = whole;
    }

    pub(crate) fn whole(&self, end: usize) -> &[u8] {
        self.whole.get(..end).unwrap_or_default()
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch")
            .field("buffer_bytes", &self.buffer_bytes())
            .finish()
    }
}

/// The `len` bytes of `out` at `at`, which is made longer if need be. A longer buffer comes
/// zeroed from the allocator, so that pages nobody writes to cost nothing.
pub(crate) fn with_room(out: &mut Vec<u8>, at: usize, len: usize) -> &mut [u8] {
    let need = at + len;
    if out.len() < need {
        let doubled = if at == 0 {
            need
        } else {
            need.max(2 * out.len())
        };
        let mut bigger = vec![0; doubled];
        bigger[..at].copy_from_slice(&out[..at]);
        *out = bigger;
    }
    &mut out[at..need]
}
