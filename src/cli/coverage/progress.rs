//! How far a look through a folder has come: on stderr, on a terminal only, and never in CI.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that shows itself once there is something to wait for.
pub struct Bar(ProgressBar);

impl Bar {
    /// Draws nothing yet, and never where stderr is no terminal.
    pub fn new() -> Bar {
        let bar = if std::env::var_os("CI").is_some() { ProgressBar::hidden() } else { ProgressBar::no_length() };
        if let Ok(style) = ProgressStyle::with_template("{pos} of {len} files looked at, {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar(bar)
    }

    /// So many files of so many.
    pub fn tell(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }

    /// Takes it off the screen.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}
