//! How far a checklist has come, and what it waits for: on stderr, on a terminal only, and never in CI.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::check::Event;

/// A bar that shows itself once there is something to wait for.
pub struct Bar {
    drawn: ProgressBar,
    /// Whether anybody will see it.
    seen: bool,
    /// The ids of the checks that run now, the longest first.
    running: Mutex<Vec<String>>,
}

/// Checklists that take no longer are not worth a flicker.
const PATIENCE: Duration = Duration::from_millis(500);

impl Bar {
    /// Draws nothing yet, and never where stderr is no terminal, or where nobody wants remarks.
    pub fn new(quiet: bool) -> Bar {
        let seen = !quiet && io::stderr().is_terminal() && std::env::var_os("CI").is_none();
        let drawn = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{pos} of {len} checks, {elapsed}: {wide_msg}") {
            drawn.set_style(style);
        }
        if seen {
            let bar = drawn.clone();
            thread::spawn(move || {
                thread::sleep(PATIENCE);
                if !bar.is_finished() {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                    bar.enable_steady_tick(Duration::from_millis(200));
                }
            });
        }
        Bar { drawn, seen, running: Mutex::default() }
    }

    /// Takes in what happens.
    pub fn tell(&self, event: Event<'_>) {
        if !self.seen {
            return;
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Selected(all) => return self.drawn.set_length(all as u64),
            Event::Begins(id) => running.push(id.to_owned()),
            Event::Ends(id) => {
                running.retain(|other| other != id);
                self.drawn.inc(1);
            }
        }
        let message = match running.as_slice() {
            [] => String::new(),
            [one] => shown(one),
            [first, others @ ..] => format!("{} and {} more", shown(first), others.len()),
        };
        self.drawn.set_message(message);
    }

    /// Takes it off the screen.
    pub fn clear(&self) {
        self.drawn.finish_and_clear();
    }
}

/// An id is free text, and must not steer the terminal.
fn shown(id: &str) -> String {
    crate::elf::escape(id.as_bytes()).to_string()
}
