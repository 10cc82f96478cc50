//! When a program that serves until it is ended has shown what a climb asks of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex::Regex;

use crate::probe::{Child, Listener};

/// Lines that match, and how many of them are enough.
#[derive(Clone, Debug)]
pub struct Enough {
    /// What a line is to match.
    pub line: Regex,
    /// How many of them.
    pub times: usize,
}

impl Enough {
    /// Ends the child, once it has printed them, on stdout or stderr.
    pub(super) fn of(&self, child: Child) -> Child {
        let (printed, seen) = (Arc::new(AtomicUsize::new(0)), self.clone());
        let count = Arc::clone(&printed);
        let listener = Listener::of_lines(move |line| {
            count.fetch_add(usize::from(seen.line.is_match(line)), Ordering::Relaxed);
        });
        let times = self.times;
        child.heard_by(listener).enough_when(move || printed.load(Ordering::Relaxed) >= times)
    }
}
