//! The report for people: what holds in a line each, what does not with all that mends it.

use std::fmt::Write;

use colored::{Color, Colorize};

use crate::check::{Outcome, Status, Summary};

use super::Run;
use super::visible::{visible, visible_line};

/// How the report is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// `✓` where true, `[ok]` where the terminal cannot show it.
    pub marks: bool,
    /// Columns to fold at.
    pub width: usize,
    /// Show the evidence of what holds, too.
    pub verbose: bool,
}

/// The whole report, ending in the verdict.
pub fn render(run: &Run<'_>, style: Style) -> String {
    let mut out = String::new();
    line(&mut out, &format!("{}", visible_line(run.title).bold()));
    let steps = &run.results.steps;
    for (number, step) in steps.iter().enumerate() {
        line(&mut out, "");
        line(&mut out, &format!("{}/{} {}", number + 1, steps.len(), visible_line(&step.title)).bold().to_string());
        for check in &step.checks {
            outcome(&mut out, check, Some(&run.again(check)), style);
        }
    }
    line(&mut out, "");
    line(&mut out, &summary(&run.results.summary));
    let colour = match run.exit_status {
        0 => Color::Green,
        1 => Color::Red,
        _ => Color::Yellow,
    };
    line(&mut out, &visible(&run.results.verdict).color(colour).bold().to_string());
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// The mark of a status, and the word that stands for it wherever colour is the only other sign.
pub fn mark(status: Status, style: Style) -> String {
    let (drawn, spelled, colour) = match status {
        Status::Pass => ("✓", "[ok]", Color::Green),
        Status::Warn => ("!", "[warn]", Color::Yellow),
        Status::Fail => ("✗", "[FAIL]", Color::Red),
        Status::Skip => ("–", "[skip]", Color::Cyan),
        Status::Undetermined => ("?", "[????]", Color::Magenta),
    };
    let text = if style.marks { drawn.to_owned() } else { format!("{spelled:<6}") };
    text.color(colour).to_string()
}

/// One check: a line where it holds, all that is known where it does not. `again` runs just that check.
pub fn outcome(out: &mut String, check: &Outcome, again: Option<&str>, style: Style) {
    // What fails and weighs nothing has a code, and what was found says why.
    let noted = check.status == Status::Pass && check.code.is_some();
    let word = match check.status {
        Status::Pass if noted => " for information",
        Status::Pass => "",
        Status::Warn => " warning",
        Status::Fail => " FAILS",
        Status::Skip => " skipped",
        Status::Undetermined => " undetermined",
    };
    let code = check.code.map(|code| format!(" [{code}]")).unwrap_or_default();
    let long = check.seconds >= LONG || style.verbose;
    let time = if long { format!("  {:.2} s", check.seconds).dimmed().to_string() } else { String::new() };
    let (title, id) = (visible_line(&check.title), visible_line(&check.id));
    let head = format!("{title}  {}{}{}{time}", id.dimmed(), word.bold(), code);
    line(out, &format!("  {} {head}", mark(check.status, style)));
    let bad = !matches!(check.status, Status::Pass | Status::Skip);
    if let Some(reason) = &check.reason {
        field(out, "reason:", reason, style);
    }
    if bad || noted {
        for (name, text) in [("expected:", &check.expected), ("found:", &check.actual)] {
            if let Some(text) = text {
                field(out, name, text, style);
            }
        }
    }
    if bad || style.verbose {
        for seen in &check.evidence {
            field(out, "evidence:", seen, style);
        }
    } else {
        for seen in check.evidence.iter().take(SHOWN) {
            field(out, "", seen, style);
        }
    }
    if bad {
        if let Some(fix) = &check.fix {
            field(out, "fix:", fix, style);
        }
        if let Some(again) = again {
            field(out, "rerun:", again, style);
        }
    }
}

/// From so many seconds on, a check's time is worth a word; `-v` shows all.
const LONG: f64 = 1.0;
/// Lines of evidence for what holds; `-v` shows all.
const SHOWN: usize = 3;
const INDENT: usize = 6;
const NAME: usize = 10;

/// A named line below a check, folded at the width; commands stay whole, to be copied.
pub fn field(out: &mut String, name: &str, text: &str, style: Style) {
    let name_width = if name.is_empty() { 0 } else { NAME };
    let room = style.width.saturating_sub(INDENT + name_width).max(20);
    let whole = name == "rerun:" || name == "fix:";
    let mut label = name;
    for part in text.trim_end().lines().map(visible) {
        let rows = if whole { vec![part.into_owned()] } else { fold(&part, room) };
        for row in rows {
            // At the beginning of a line GitHub's runner would take it for a command to itself.
            let row = if label.is_empty() && row.trim_start().starts_with("::") { format!("| {row}") } else { row };
            let row = if name.is_empty() { row.dimmed().to_string() } else { row };
            let mut text = " ".repeat(INDENT);
            let _ = write!(text, "{label:<name_width$}{row}");
            line(out, &text);
            label = "";
        }
    }
}

fn fold(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            rows.push(String::new());
            used = 0;
        }
        if let Some(row) = rows.last_mut() {
            if used > 0 {
                row.push(' ');
                used += 1;
            }
            row.push_str(word);
            used += length;
        }
    }
    rows
}

fn summary(summary: &Summary) -> String {
    let Summary { passed, warned, failed, skipped, undetermined, seconds } = summary;
    let total = summary.total();
    format!(
        "{total} checks in {seconds:.2} s: {passed} passed, {warned} warned, {failed} failed, {skipped} skipped, \
         {undetermined} undetermined"
    )
}
