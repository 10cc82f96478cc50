//! How far a measurement has come: on stderr, on a terminal only, and never in CI.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that shows itself where there is somebody to see it.
pub struct Waiting(ProgressBar);

impl Waiting {
    /// For so many of these: "pairs".
    pub fn of(what: &str, quiet: bool) -> Waiting {
        let hidden = quiet || std::env::var_os("CI").is_some();
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::no_length() };
        if let Ok(style) = ProgressStyle::with_template(&format!("{{pos}} of {{len}} {what}, {{elapsed}}")) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        Waiting(bar)
    }

    /// So many of so many.
    pub fn tell(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
