//! The ladder for people.

use std::io::{self, Write};

use colored::Colorize;

use super::outcome;
use crate::cli::Output;
use crate::ladder::{Call, Climb};
use crate::report::{self, Style};

/// Prints the rungs, and with -v the calls.
pub(super) fn print(climb: &Climb, output: Output) -> io::Result<()> {
    let style = Style { marks: output.draws_marks(), width: output.width(), verbose: output.verbose > 0 };
    let mut text = String::new();
    if let Some(device) = &climb.device {
        text.push_str(&format!("device: {device}\n"));
    }
    for step in &climb.steps {
        report::outcome(&mut text, &outcome(step), None, style);
    }
    if style.verbose {
        list_calls(&mut text, &climb.calls);
    }
    text.push_str(&format!("{}\n", climb.interception().sentence().bold()));
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn list_calls(text: &mut String, calls: &[Call]) {
    let past = calls.iter().any(|call| call.past > Some(0));
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let more = |word: &str| if past { format!(" {word:>8}") } else { String::new() };
    text.push_str(&format!("\n  {:<36} {:<12} {:>8} {:>8}{}\n", "function", "role", "shim", "runtime", more("past")));
    for call in calls {
        let (shim, runtime, past) = (count(call.shim), count(call.runtime), more(&count(call.past)));
        text.push_str(&format!("  {:<36} {:<12} {shim:>8} {runtime:>8}{past}\n", call.symbol, call.role));
    }
    text.push('\n');
}
