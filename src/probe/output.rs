//! What a child printed, up to a limit.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::elf::hex;

/// What came out of one stream.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// The bytes, up to the limit.
    pub bytes: Vec<u8>,
    /// Whether there was more than the limit, or the stream was still open when the child was given up.
    pub truncated: bool,
}

impl Captured {
    /// As text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The last line that says something, for messages.
    pub fn last_line(&self) -> Option<String> {
        let text = self.text();
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        last.map(|line| crate::elf::escape(line.as_bytes()).to_string())
    }

    /// SHA-256 of the bytes kept, in hexadecimal.
    pub fn sha256(&self) -> String {
        hex(Sha256::digest(&self.bytes))
    }
}

/// A stream being read by a thread of its own.
pub(super) struct Capture {
    received: Receiver<Vec<u8>>,
    captured: Captured,
    limit: usize,
    over: Arc<AtomicBool>,
}

impl Capture {
    /// Starts reading. Everything goes to `log` and `hear` as well, where there is one, up to the same limit.
    pub fn start(
        mut stream: impl Read + Send + 'static,
        limit: usize,
        mut log: Option<File>,
        hear: Option<impl Fn(&[u8]) + Send + 'static>,
    ) -> Capture {
        let (send, received) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let exceeded = Arc::clone(&over);
        thread::spawn(move || {
            let mut total = 0usize;
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                let kept = count.min(limit - total);
                total += kept;
                if let Some(hear) = &hear {
                    hear(&buffer[..kept]);
                }
                if let Some(file) = &mut log {
                    // A full disk must not end the child: the log is a convenience.
                    let _ = file.write_all(&buffer[..kept]);
                }
                if send.send(buffer[..kept].to_vec()).is_err() {
                    return;
                }
                if kept < count {
                    exceeded.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        Capture { received, captured: Captured::default(), limit, over }
    }

    /// Whether the child printed more than it may.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// All that came, waiting at most `patience` for the stream to close: a grandchild that left the process group
    /// may hold it open for ever.
    pub fn finish(mut self, patience: Duration) -> Captured {
        let until = Instant::now() + patience;
        loop {
            match self.received.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.captured.bytes.extend(bytes),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    self.captured.truncated = true;
                    return self.captured;
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    self.captured.truncated |= self.is_over();
                    debug_assert!(self.captured.bytes.len() <= self.limit);
                    return self.captured;
                }
            }
        }
    }
}
