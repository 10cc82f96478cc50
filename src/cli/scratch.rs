//! A scratch folder for a command that runs others.

use anyhow::Context;
use tempfile::TempDir;

use crate::probe::watch_for_interrupts;

/// Watches for Ctrl-C, then makes the folder: else who presses it in between leaves a folder behind.
///
/// # Errors
/// Where one of the two cannot be had.
pub fn scratch() -> anyhow::Result<TempDir> {
    watch_for_interrupts().context("cannot watch for Ctrl-C")?;
    Ok(crate::scratch::scratch()?)
}
