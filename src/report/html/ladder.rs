//! The evidence ladder as a picture, the first claim at the bottom.

use std::fmt::Write;

use crate::check::{Exhibit, Outcome, Status, StepOutcome};
use crate::ladder::Rung;

use super::mark;
use super::text::text;

/// What one check found on the rungs that it climbed.
pub struct Ladder<'r> {
    /// The check.
    id: &'r str,
    rungs: Vec<(Rung, Status)>,
}

/// Every ladder that was climbed.
pub fn ladders(steps: &[StepOutcome]) -> Vec<Ladder<'_>> {
    let mut ladders: Vec<Ladder<'_>> = Vec::new();
    for check in steps.iter().flat_map(|step| &step.checks) {
        let rung = check.exhibits.iter().find_map(|exhibit| match exhibit {
            Exhibit::Rung(rung) => Some(*rung),
            _ => None,
        });
        let Some(rung) = rung else { continue };
        let id = of_check(check, rung);
        match ladders.last_mut() {
            Some(ladder) if ladder.id == id => ladder.rungs.push((rung, check.status)),
            _ => ladders.push(Ladder { id, rungs: vec![(rung, check.status)] }),
        }
    }
    ladders
}

/// `matmul` of `matmul.binds`.
fn of_check(check: &Outcome, rung: Rung) -> &str {
    let id = check.id.strip_suffix(rung.name()).and_then(|id| id.strip_suffix('.'));
    id.unwrap_or(&check.id)
}

/// Units of the picture; a phone shows one as about a pixel.
const WIDTH: usize = 340;
const STEP: usize = 34;

/// A figure of one ladder.
pub fn figure(out: &mut String, ladder: &Ladder<'_>, number: usize) {
    let height = ladder.rungs.len() * STEP + 12;
    let said: Vec<String> = ladder.rungs.iter().map(|(rung, status)| format!("{rung}: {}", status.word())).collect();
    let _ = write!(
        out,
        "<figure>\n<svg class=\"ladder\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"ladder-{number}-title ladder-{number}-words\">\n\
         <title id=\"ladder-{number}-title\">Evidence ladder of {}</title>\n\
         <desc id=\"ladder-{number}-words\">From the bottom: {}.</desc>\n",
        text(ladder.id),
        text(&said.join(", ")),
    );
    for x in [14, WIDTH - 14] {
        let _ = writeln!(out, "<line class=\"rail\" x1=\"{x}\" y1=\"0\" x2=\"{x}\" y2=\"{height}\"/>");
    }
    for (at, (rung, status)) in ladder.rungs.iter().enumerate() {
        let y = height - 6 - (at + 1) * STEP + 4;
        let (word, baseline) = (status.word(), y + 18);
        let _ = writeln!(
            out,
            "<g class=\"{word}\"><rect x=\"6\" y=\"{y}\" width=\"{}\" height=\"26\" rx=\"4\"/>\
             <text x=\"16\" y=\"{baseline}\">{rung}</text>\
             <text class=\"word\" x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{} {word}</text></g>",
            WIDTH - 12,
            WIDTH - 16,
            mark(*status),
        );
    }
    let _ = write!(
        out,
        "</svg>\n<figcaption>Evidence ladder of <code>{}</code></figcaption>\n</figure>\n",
        text(ladder.id)
    );
}
