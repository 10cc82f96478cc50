//! Hearing what a child prints while it runs.

use std::fmt;
use std::sync::Arc;

/// One of a child's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// Is called with the bytes of either stream as they come, from a thread of its own for each.
#[derive(Clone)]
pub struct Listener(Arc<Hear>);

type Hear = dyn Fn(Stream, &[u8]) + Send + Sync;

impl Listener {
    /// A listener that calls this.
    pub fn new(hear: impl Fn(Stream, &[u8]) + Send + Sync + 'static) -> Listener {
        Listener(Arc::new(hear))
    }

    pub(super) fn hear(&self, stream: Stream, bytes: &[u8]) {
        (self.0)(stream, bytes);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
