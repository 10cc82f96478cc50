//! Hearing what a child prints while it runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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

    /// A listener that is called with whole lines, without what ends them.
    pub fn of_lines(hear: impl Fn(&str) + Send + Sync + 'static) -> Listener {
        let begun = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];
        Listener::new(move |stream, bytes| {
            let begun = &begun[usize::from(stream == Stream::Stderr)];
            let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
            for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                begun.extend_from_slice(part);
                if part.ends_with(b"\n") {
                    hear(String::from_utf8_lossy(&begun).trim_end());
                    begun.clear();
                }
            }
        })
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
